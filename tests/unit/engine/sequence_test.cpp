// When a sequence ends and with which text, on a fake model that says what the test wants.
#include "engine/sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/search.h"
#include "text/sentence_end.h"
#include "unit/engine/fake_backend.h"

namespace medgen::engine {
namespace {

using ::testing::ElementsAre;
using testing::FakeBackend;
using testing::History;
using testing::scripted_logits;

struct Collector : GenerationObserver {
  void on_text(std::uint64_t, int, std::string_view piece) override { streamed += piece; }
  void on_finish(std::uint64_t, const Completion& c) override { completions.push_back(c); }
  std::string streamed;
  std::vector<Completion> completions;
};

// Token i of the fake tokenizer is kPieces[i]; 0 is EOS.
const std::vector<std::string> kPieces = {"",       "One", ".", " Tw", "o",
                                          " three", "?",   "!", " Dr", " 3.5"};

Collector say(const History& script, StoppingParams stopping, SamplingParams sampling = {}) {
  FakeBackend backend(static_cast<int>(kPieces.size()), 200, 4,
                      scripted_logits(static_cast<int>(kPieces.size()), 1, script));
  const testing::FakeTokenizer tokenizer(kPieces, 0);
  Request request;
  request.prompt = {1};
  sampling.temperature = 1;
  sampling.top_k = 0;
  request.sampling = sampling;
  request.stopping = std::move(stopping);
  if (!request.stopping.max_new_tokens) request.stopping.max_new_tokens = 40;
  Collector collector;
  generate(backend, tokenizer, {request}, collector);
  EXPECT_EQ(collector.completions.size(), 1U);
  EXPECT_EQ(backend.taken(), 0U);
  EXPECT_EQ(collector.streamed, collector.completions.front().text);
  return collector;
}

TEST(SequenceTest, EachOfSeveralEosIdsEndsIt) {
  for (const TokenId eos : {2, 7}) {
    const auto c = say({1, 4, eos, 1}, {.eos_token_id = {2, 7}}).completions.front();
    EXPECT_EQ(c.finish_reason, FinishReason::kEos);
    EXPECT_EQ(c.text, "Oneo");
    EXPECT_THAT(c.tokens, ElementsAre(1, 4, eos));
  }
}

TEST(SequenceTest, AnIgnoredEosAddsNoTextAndEndsNothing) {
  const auto c =
      say({1, 0, 4, 0, 5}, {.max_new_tokens = 5, .ignore_eos = true}).completions.front();
  EXPECT_EQ(c.text, "Oneo three");
  EXPECT_EQ(c.finish_reason, FinishReason::kLength);
}

TEST(SequenceTest, AStopStringAcrossTokensLeaksNothingUnlessIncluded) {
  StoppingParams stopping{.stop = {"e. Two"}};
  EXPECT_EQ(say({1, 2, 3, 4, 5}, stopping).completions.front().text, "On");
  stopping.include_stop = true;
  const auto c = say({1, 2, 3, 4, 5}, stopping).completions.front();
  EXPECT_EQ(c.text, "One. Two");
  EXPECT_EQ(c.finish_reason, FinishReason::kStop);
}

TEST(SequenceTest, TimeEndsIt) {
  const auto c = say({1}, {.max_new_tokens = 1000, .max_time = 1e-9}).completions.front();
  EXPECT_EQ(c.finish_reason, FinishReason::kTime);
  EXPECT_EQ(c.num_tokens, 1);
}

TEST(SequenceTest, ALoopEndsItAndNoLoopDoesNot) {
  const auto c = say({1, 3, 4, 5, 1, 4, 5, 1, 4, 5, 1, 4, 5, 1, 4, 5}, {.stop_on_loop = true})
                     .completions.front();
  EXPECT_EQ(c.finish_reason, FinishReason::kLoop);
  EXPECT_EQ(c.num_tokens, 14);  // twelve tokens that are four times the same three
  EXPECT_FALSE(ends_in_loop(History{1, 2, 1, 2, 1, 2}));
  EXPECT_FALSE(ends_in_loop(History{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 7}));
  EXPECT_TRUE(ends_in_loop(History{1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6}));
}

TEST(SequenceTest, EndsAtTheLastCompleteSentence) {
  const auto text = [](const History& script, int n) {
    return say(script, {.max_new_tokens = n, .end_at_sentence = true}).completions.front().text;
  };
  EXPECT_EQ(text({1, 2, 3, 4, 6, 5}, 6), "One. Two?");
  EXPECT_EQ(text({1, 2, 3, 4}, 4), "One.");
  EXPECT_EQ(text({1, 2}, 2), "One.");
  EXPECT_EQ(text({1, 3, 4}, 3), "One Two") << "without a sentence all of it stays";
  EXPECT_EQ(text({1, 2, 3, 0}, 9), "One. Tw") << "the model ended it itself";
  EXPECT_EQ(text({1, 8, 2, 3, 4}, 5), "One Dr. Two") << "a title ends no sentence";
  EXPECT_EQ(text({1, 9, 7, 7, 5}, 5), "One 3.5!!");
}

TEST(SentenceCutterTest, PiecesDoNotMatter) {
  const std::string text = "He said \"No.\" (Then e.g. 3.5 mg!) Dr. A. B. left... And";
  text::SentenceCutter whole;
  const std::string expected = whole.push(text) + whole.flush(false);
  EXPECT_EQ(expected, "He said \"No.\" (Then e.g. 3.5 mg!) Dr. A. B. left...");
  text::SentenceCutter bytes;
  std::string out;
  for (const char c : text) out += bytes.push(std::string(1, c));
  EXPECT_EQ(out + bytes.flush(false), expected);
}

TEST(SequenceTest, LogprobsComeWithEveryToken) {
  SamplingParams sampling;
  sampling.logprobs = 2;
  const auto c = say({1, 4, 0}, {}, sampling).completions.front();
  ASSERT_EQ(c.logprobs.size(), 3U);
  EXPECT_EQ(c.logprobs[1].chosen.token, 4);
  EXPECT_EQ(c.logprobs[1].alternatives.size(), 2U);
  EXPECT_NEAR(c.logprobs[1].chosen.logprob, 0, 1e-6);
}

TEST(SequenceTest, XtcShiftsNoOtherCoin) {
  // A threshold above every probability removes nothing, so the text must stay the same.
  const auto text = [](double q) {
    FakeBackend backend(20, 64, 4);
    Request request;
    request.prompt = {1, 2};
    request.sampling = {
        .temperature = 1.5, .top_k = 0, .xtc_probability = q, .xtc_threshold = 0.5, .seed = 3};
    request.stopping.max_new_tokens = 30;
    Collector collector;
    generate(backend, testing::letters(20), {request}, collector);
    return collector.streamed;
  };
  EXPECT_EQ(text(0), text(0.7));
}

// Beams share what they have in common, and give every slot back.
TEST(SearchTest, BeamsRunBesideOtherRequestsAndReleaseTheirSlots) {
  FakeBackend backend(20, 64, 4);
  Request beams;
  beams.prompt = {1, 2, 3};
  beams.sampling = {.temperature = 0, .top_k = 0, .num_beams = 4};
  beams.num_return_sequences = 4;
  beams.stopping.max_new_tokens = 6;
  Request plain = beams;
  plain.id = 1;
  plain.sampling = {.temperature = 1};
  Collector alone, together;
  generate(backend, testing::letters(20), {beams}, alone);
  EXPECT_GT(backend.n_shared, 0);
  generate(backend, testing::letters(20), {plain, beams, plain}, together);
  EXPECT_EQ(together.completions.size(), 12U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(together.completions[static_cast<std::size_t>(4 + i)].tokens,
              alone.completions[static_cast<std::size_t>(i)].tokens);
  }
  EXPECT_EQ(backend.taken(), 0U);
  EXPECT_GE(*alone.completions[0].beam_score, *alone.completions[1].beam_score);
}

TEST(SearchTest, RefusesMoreBeamsThanSlots) {
  FakeBackend backend(20, 64, 2);
  Request request;
  request.prompt = {1};
  request.sampling = {.temperature = 0, .top_k = 0, .num_beams = 4};
  Collector collector;
  EXPECT_THROW(generate(backend, testing::letters(20), {request}, collector), Error);
}

// u + g (c - u): with the model's own context as the negative prompt nothing changes.
TEST(SearchTest, GuidanceAwayFromThePromptItselfChangesNothing) {
  const auto tokens = [](double scale, const History& negative) {
    FakeBackend backend(20, 64, 4);
    Request request;
    request.prompt = {1, 2, 3};
    request.sampling = {.temperature = 1,
                        .top_k = 0,
                        .guidance_scale = scale,
                        .negative_prompt_ids = negative,
                        .seed = 5};
    if (scale == 1) request.sampling.negative_prompt_ids = {};
    request.num_return_sequences = 2;
    request.stopping.max_new_tokens = 20;
    Collector collector;
    generate(backend, testing::letters(20), {request}, collector);
    EXPECT_EQ(backend.taken(), 0U);
    std::vector<History> all(2);
    for (const Completion& c : collector.completions)
      all[static_cast<std::size_t>(c.index)] = c.tokens;
    return all;
  };
  EXPECT_EQ(tokens(1, {}), tokens(3, {1, 2, 3}));
  EXPECT_NE(tokens(1, {}), tokens(3, {4, 5}));
  EXPECT_NE(tokens(1, {}), tokens(3, {}));
  EXPECT_EQ(tokens(1, {}), tokens(0.5, {1, 2, 3}));
  EXPECT_NE(tokens(1, {}), tokens(0.5, {4, 5}));
}

// At 0 the negative prompt is all that counts: a greedy text is that prompt's own.
TEST(SearchTest, GuidanceOfZeroFollowsTheNegativePrompt) {
  const auto tokens = [](double scale, const History& prompt, const History& negative) {
    FakeBackend backend(20, 64, 4);
    Request request;
    request.prompt = prompt;
    request.sampling = {.temperature = 0, .top_k = 0, .guidance_scale = scale};
    if (scale != 1) request.sampling.negative_prompt_ids = negative;
    request.stopping.max_new_tokens = 20;
    Collector collector;
    generate(backend, testing::letters(20), {request}, collector);
    return collector.completions.at(0).tokens;
  };
  EXPECT_EQ(tokens(0, {1, 2, 3}, {4, 5}), tokens(1, {4, 5}, {}));
  EXPECT_NE(tokens(0.5, {1, 2, 3}, {4, 5}), tokens(1, {4, 5}, {}));
  EXPECT_NE(tokens(-1, {1, 2, 3}, {4, 5}), tokens(1, {4, 5}, {}));
}

// The formula, on scales on both sides of 1 and of 0.
TEST(SearchTest, GuidanceMovesLogProbabilitiesFromTheNegativeOnes) {
  const std::vector<float> c = {1, 0.5F, -2, 3}, u = {0, 2, 1, -1};
  const auto normalised = [](std::vector<double> x) {
    double sum = 0;
    for (const double value : x) sum += std::exp(value);
    for (double& value : x) value -= std::log(sum);
    return x;
  };
  const std::vector<double> lc = normalised({1, 0.5, -2, 3}), lu = normalised({0, 2, 1, -1});
  for (const double g : {-1.5, 0.0, 0.3, 0.99, 1.5}) {
    std::vector<double> wanted;
    for (std::size_t i = 0; i < 4; ++i) wanted.push_back(lu[i] + g * (lc[i] - lu[i]));
    wanted = normalised(wanted);
    Sampler sampler;
    DecodingContext context;
    context.unconditional = u;
    const auto p = sampler.processed_probabilities(
        c, {.temperature = 1, .top_k = 0, .guidance_scale = g}, context);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(p[i], std::exp(wanted[i]), 1e-6) << g;
  }
}

// Beams that are drawn: seeded, alone or among neighbours, and never the same for every seed.
TEST(SearchTest, DrawnBeamsDependOnTheSeedAndTheRequestAlone) {
  const auto texts = [](std::uint64_t seed, const std::vector<std::uint64_t>& ids) {
    FakeBackend backend(20, 64, 4);
    std::vector<Request> requests;
    for (const std::uint64_t id : ids) {
      requests.push_back({.id = id,
                          .prompt = {1, 2},
                          .num_return_sequences = 3,
                          .sampling = {.temperature = 1,
                                       .top_k = 5,
                                       .num_beams = 3,
                                       .beam_sample = true,
                                       .logprobs = 0,
                                       .seed = seed},
                          .stopping = {.max_new_tokens = 8}});
    }
    testing::Recorder recorder;
    generate(backend, testing::letters(20, true), requests, recorder);
    EXPECT_EQ(backend.taken(), 0U);
    EXPECT_LE(backend.most_slots, 4U);
    for (const auto& [id, completion] : recorder.completions) {
      for (const TokenLogprobs& token : completion.logprobs) {
        EXPECT_LE(*token.chosen.processed_logprob, 0);
        EXPECT_GE(*token.chosen.processed_logprob, token.chosen.logprob - 1e-9);
      }
    }
    return recorder.texts();
  };
  const auto alone = texts(7, {4});
  EXPECT_EQ(alone.size(), 3U);
  EXPECT_EQ(alone, texts(7, {4}));
  auto among = texts(7, {3, 4, 5});
  EXPECT_NE(among.at({3, 0}), among.at({5, 0}));
  std::erase_if(among, [](const auto& entry) { return entry.first.first != 4; });
  EXPECT_EQ(alone, among);
  EXPECT_NE(alone, texts(8, {4}));
}

}  // namespace
}  // namespace medgen::engine
