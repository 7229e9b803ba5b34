// The likelihood of human texts, against sums made by hand.
#include "research/sweep_reference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "unit/byte_tokenizer.h"
#include "unit/engine/fake_backend.h"

namespace medgen::research {
namespace {

using testing::FakeBackend;
using testing::hashed_logits;
using testing::History;

constexpr double kClose = 1e-6;  // softmax sums are of float32 exponentials

double logprob_of(const History& history, TokenId token) {
  const std::vector<float> logits = hashed_logits(257)(history);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return static_cast<double>(logits[static_cast<std::size_t>(token)]) - std::log(sum);
}

// Of the tokens from `first` on.
double sum_of(const History& tokens, std::size_t first) {
  double sum = 0;
  for (std::size_t i = first; i < tokens.size(); ++i) {
    sum += logprob_of({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(i)}, tokens[i]);
  }
  return sum;
}

std::vector<Sample> scored(const std::string& prompt, const std::string& text,
                           std::optional<TokenId> start, int context = 64) {
  FakeBackend backend(257, context, 2);
  std::vector<Sample> samples(1);
  samples[0].prompt = prompt;
  samples[0].text = text;
  score_texts(backend, ByteTokenizer(), start, samples);
  EXPECT_EQ(backend.taken(), 0U);
  return samples;
}

TEST(SweepReferenceTest, ATextIsScoredAfterItsPrompt) {
  const Sample sample = scored("ab", "cde", 256)[0];
  EXPECT_EQ(sample.tokens, (History{'c', 'd', 'e'}));
  EXPECT_EQ(sample.num_tokens, 3);
  EXPECT_NEAR(*sample.logprob, sum_of({256, 'a', 'b', 'c', 'd', 'e'}, 3), kClose);
}

TEST(SweepReferenceTest, WithoutAPromptItIsScoredAfterTheStart) {
  EXPECT_NEAR(*scored("", "cde", 256)[0].logprob, sum_of({256, 'c', 'd', 'e'}, 1), kClose);
  const Sample sample = scored("", "cde", {})[0];
  EXPECT_EQ(sample.num_tokens, 2) << "the first token is context alone";
  EXPECT_NEAR(*sample.logprob, sum_of({'c', 'd', 'e'}, 1), kClose);
}

// Has the digraph "ch" as a token, 255, beside the bytes.
class DigraphTokenizer final : public ByteTokenizer {
 public:
  std::vector<TokenId> encode(std::string_view text, Specials /*specials*/) const override {
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const bool digraph = text.substr(i, 2) == "ch";
      ids.push_back(digraph ? 255 : static_cast<unsigned char>(text[i]));
      i += digraph ? 1 : 0;
    }
    return ids;
  }
  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (const TokenId id : ids) text += id == 255 ? "ch" : std::string(1, static_cast<char>(id));
    return text;
  }
};

Sample scored_by_digraphs(const std::string& prompt, const std::string& text, History tokens) {
  FakeBackend backend(257, 64, 2);
  std::vector<Sample> samples(1);
  samples[0].prompt = prompt;
  samples[0].text = text;
  samples[0].tokens = std::move(tokens);
  score_texts(backend, DigraphTokenizer(), 256, samples);
  return samples[0];
}

TEST(SweepReferenceTest, PromptAndTextAreEncodedTogether) {
  const Sample sample = scored_by_digraphs("ac", "hes", {});
  EXPECT_EQ(sample.tokens, (History{255, 'e', 's'}));
  EXPECT_TRUE(sample.crosses_border);
  EXPECT_NEAR(*sample.logprob, sum_of({256, 'a', 255, 'e', 's'}, 2), kClose);
  EXPECT_FALSE(scored_by_digraphs("a", "ches", {}).crosses_border);
}

TEST(SweepReferenceTest, GeneratedTokensAreKept) {
  const Sample sample = scored_by_digraphs("ac", "hech", {'h', 'e', 'c', 'h'});
  EXPECT_EQ(sample.tokens, (History{'h', 'e', 'c', 'h'}));
  EXPECT_FALSE(sample.crosses_border);
  EXPECT_NEAR(*sample.logprob, sum_of({256, 'a', 'c', 'h', 'e', 'c', 'h'}, 3), kClose);
}

TEST(SweepReferenceTest, TokensOfAnotherTokenizerAreNot) {
  EXPECT_EQ(scored_by_digraphs("a", "ches", {'x', 'y'}).tokens, (History{255, 'e', 's'}));
  EXPECT_EQ(scored_by_digraphs("a", "ches", {5000}).tokens, (History{255, 'e', 's'}));
}

TEST(SweepReferenceTest, EveryTokenOfALongTextIsScoredOnce) {
  const std::string text(50, 'x');
  const Sample sample = scored("a prompt longer than it", text, 256, 8)[0];
  EXPECT_EQ(sample.num_tokens, 50);
  EXPECT_LT(*sample.logprob, -50.0 * 0.1);
  EXPECT_GT(*sample.logprob, -50.0 * 20);
}

TEST(SweepReferenceTest, NoTextHasNoLogprob) {
  const Sample sample = scored("ab", "", 256)[0];
  EXPECT_EQ(sample.num_tokens, 0);
  EXPECT_FALSE(sample.logprob.has_value());
}

}  // namespace
}  // namespace medgen::research
