// Perplexity and multiple choice against sums done here by hand, over a model whose logits are a
// function of the whole history: any window, batch or chunk that is off by one changes them.
#include "research/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "medgen/error.h"
#include "temporary_folder.h"
#include "unit/byte_tokenizer.h"
#include "unit/engine/fake_backend.h"

namespace medgen::research {
namespace {

using testing::FakeBackend;
using testing::hashed_logits;
using ::testing::HasSubstr;
using testing::History;
using testing::LogitsOf;

constexpr int kVocabulary = 257;
constexpr double kClose = 1e-8;  // relative; softmax sums are of float32 exponentials

double log_softmax(const LogitsOf& model, const History& history, TokenId next) {
  const std::vector<float> logits = model(history);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return static_cast<double>(logits[static_cast<std::size_t>(next)]) - std::log(sum);
}

// The sum over a text of -log p(token | what stands before it in its window), by definition: the
// token at `i` of EOS + text is seen from the window that first reaches it.
double nats_by_hand(const LogitsOf& model, const std::string& text, std::size_t context,
                    std::size_t stride) {
  History all = {256};
  for (const char c : text) all.push_back(static_cast<unsigned char>(c));
  double nats = 0;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const std::size_t beyond =
        i > context ? i - context : 0;  // past the first window's last target
    const std::size_t begin = (beyond + stride - 1) / stride * stride;
    nats -= log_softmax(model,
                        History(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                all.begin() + static_cast<std::ptrdiff_t>(i)),
                        all[i]);
  }
  return nats;
}

std::vector<corpus::Document> some_documents() {
  const std::string alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  return {{.source = "short", .group = "g", .text = "a"},
          {.source = "long", .group = "g", .text = alphabet + alphabet.substr(3)},
          {.source = "", .group = "file", .text = alphabet.substr(0, 8)},
          {.source = "long", .group = "g", .text = alphabet.substr(0, 17)}};
}

TextEvaluation evaluate(Backend& backend, const TextEvaluationOptions& options) {
  const ByteTokenizer tokenizer;
  TextEvaluator evaluator(backend, tokenizer, options);
  for (const corpus::Document& document : some_documents()) evaluator.add(document);
  return evaluator.finish();
}

TEST(EvaluationTest, EqualsAnIndependentComputationForEveryStrideAndSlotCount) {
  const LogitsOf model = hashed_logits(kVocabulary);
  for (const int context : {8, 16, 100}) {
    for (const int stride : {1, 3, 4, context}) {
      if (stride > context) continue;
      for (const int slots : {1, 3}) {
        FakeBackend backend(kVocabulary, context, slots);
        const TextEvaluation result = evaluate(
            backend,
            {.windows = Windows::kDocuments, .stride = stride, .prefix = 256, .progress = nullptr});
        double nats = 0;
        for (const corpus::Document& document : some_documents()) {
          nats += nats_by_hand(model, document.text, static_cast<std::size_t>(context),
                               static_cast<std::size_t>(stride));
        }
        EXPECT_NEAR(result.all.nats, nats, kClose * nats)
            << context << " " << stride << " " << slots;
        EXPECT_EQ(result.all.tokens, 95U);  // every byte once
        EXPECT_EQ(result.all.bytes, 95U);
        EXPECT_NEAR(result.all.perplexity(), std::exp(nats / 95),
                    kClose * nats * std::exp(nats / 95));
        EXPECT_NEAR(result.all.bits_per_byte(), nats / std::log(2.0) / 95, kClose * nats);
        EXPECT_EQ(backend.taken(), 0U);
      }
    }
  }
}

TEST(EvaluationTest, APerturbedLogitChangesIt) {
  FakeBackend backend(kVocabulary, 16, 2);
  FakeBackend perturbed(kVocabulary, 16, 2, [](const History& history) {
    auto logits = hashed_logits(kVocabulary)(history);
    if (history.size() == 5) logits['e'] += 0.01F;
    return logits;
  });
  const TextEvaluationOptions options{
      .windows = Windows::kDocuments, .stride = 16, .prefix = 256, .progress = nullptr};
  EXPECT_GT(std::abs(evaluate(backend, options).all.nats - evaluate(perturbed, options).all.nats),
            1e-4);
}

TEST(EvaluationTest, PackedWindowsAreThoseOfTraining) {
  const LogitsOf model = hashed_logits(kVocabulary);
  const int context = 10;
  FakeBackend backend(kVocabulary, context, 3);
  const TextEvaluation result = evaluate(
      backend, {.windows = Windows::kPacked, .stride = 0, .prefix = {}, .progress = nullptr});
  History stream = {256};
  for (const corpus::Document& document : some_documents()) {
    for (const char c : document.text) stream.push_back(static_cast<unsigned char>(c));
    stream.push_back(256);
  }
  double nats = 0;
  for (std::size_t i = 1; i < stream.size(); ++i) {
    const std::size_t begin = (i - 1) / context * context;
    nats -= log_softmax(model,
                        History(stream.begin() + static_cast<std::ptrdiff_t>(begin),
                                stream.begin() + static_cast<std::ptrdiff_t>(i)),
                        stream[i]);
  }
  EXPECT_NEAR(result.all.nats, nats, kClose * nats);
  EXPECT_EQ(result.all.tokens, 99U);  // 95 bytes and the ends of 4 documents
  EXPECT_EQ(result.by_source.at("short").tokens, 2U);
}

TEST(EvaluationTest, SourcesAddUpAndHaveErrorsOfTheirOwn) {
  FakeBackend backend(kVocabulary, 16, 2);
  const TextEvaluation result = evaluate(
      backend, {.windows = Windows::kDocuments, .stride = 0, .prefix = 256, .progress = nullptr});
  EXPECT_EQ(result.stride, 8);  // half the context
  ASSERT_EQ(result.by_source.size(), 3U);
  const TextScore& long_ones = result.by_source.at("long");
  EXPECT_EQ(long_ones.documents, 2U);
  EXPECT_FALSE(result.by_source.at("file").perplexity_error().has_value());
  double nats = 0;
  for (const auto& [name, score] : result.by_source) nats += score.nats;
  EXPECT_NEAR(nats, result.all.nats, kClose * nats);
  // The ratio estimator's error, written out for the two long documents.
  const LogitsOf model = hashed_logits(kVocabulary);
  const double a = nats_by_hand(model, some_documents()[1].text, 16, 8);
  const double b = nats_by_hand(model, some_documents()[3].text, 16, 8);
  const double mean = (a + b) / (69 + 17);
  const double square = std::pow(a - mean * 69, 2) + std::pow(b - mean * 17, 2);
  EXPECT_NEAR(*long_ones.perplexity_error(), std::exp(mean) * std::sqrt(2 * square) / (69 + 17),
              kClose * 1e3);
}

TEST(EvaluationTest, WithoutAPrefixTheFirstTokenAndItsBytesDoNotCount) {
  FakeBackend backend(kVocabulary, 16, 2);
  const TextEvaluation result = evaluate(
      backend, {.windows = Windows::kDocuments, .stride = 0, .prefix = {}, .progress = nullptr});
  EXPECT_EQ(result.all.tokens, 91U);
  EXPECT_EQ(result.all.bytes, 91U);
}

TEST(EvaluationTest, RefusesAStrideThatLeavesTokensOut) {
  FakeBackend backend(kVocabulary, 16, 2);
  for (const int stride : {-1, 17}) {
    EXPECT_THROW(
        evaluate(
            backend,
            {.windows = Windows::kDocuments, .stride = stride, .prefix = 256, .progress = nullptr}),
        Error);
  }
}

TEST(ScoreTest, ManyLongRowsAreAskedForInParts) {
  // 40,000 logits a row: 838 rows fit the limit of a step.
  FakeBackend backend(40'000, 1200, 4, [](const History& history) {
    std::vector<float> logits(40'000, 0.0F);
    logits[history.size() % 10] = 1.0F;
    return logits;
  });
  const std::vector<ScoredSequence> sequences = {{History(1201, 3), 1}, {History(20, 3), 15}};
  const auto scores = score(backend, sequences);
  EXPECT_EQ(scores[0].size(), 1200U);
  EXPECT_EQ(scores[1].size(), 5U);
  const double sum = 39'999 + std::exp(1.0);
  EXPECT_NEAR(scores[0][2], 1 - std::log(sum),
              kClose * 10);  // 3 tokens before it: token 3 is likelier
  EXPECT_NEAR(scores[0][3], -std::log(sum), kClose * 10);
  EXPECT_GT(backend.rows_per_step.size(), 1U);
  for (const std::size_t rows : backend.rows_per_step) EXPECT_LE(rows, 838U);
}

TEST(ScoreTest, GivesSlotsBackWhenAStepFails) {
  FakeBackend backend(kVocabulary, 16, 2);
  backend.before_step = [] { throw Error(ErrorCode::kRuntime, "no"); };
  const std::vector<ScoredSequence> sequences = {{History(10, 3), 1}};
  EXPECT_THROW(score(backend, sequences), Error);
  EXPECT_EQ(backend.taken(), 0U);
}

// A model that likes the byte after the last one in the alphabet.
std::vector<float> next_letter(const History& history) {
  std::vector<float> logits(kVocabulary, 0.0F);
  logits[static_cast<std::size_t>(history.back() + 1) % kVocabulary] = 3.0F;
  return logits;
}

TEST(ChoicesTest, ScoreSumsAndPerCharacter) {
  // "bcd" is liked at every step; "x" is disliked once, which sums to more than that.
  const double sum = kVocabulary - 1 + std::exp(3.0);
  const double liked = 3 - std::log(sum);
  const double disliked = -std::log(sum);
  ASSERT_GT(disliked, 3 * liked + disliked);        // the short one wins by sum,
  ASSERT_LT(disliked, (3 * liked + disliked) / 4);  // the long one per character
  const std::vector<ChoiceItem> items = {
      {.prompt = "p", .choices = {"x", "abcd"}, .answer = 1, .type = "t"},
      {.prompt = "p", .choices = {"x", "abcd"}, .answer = 0, .type = "u"}};
  FakeBackend backend(kVocabulary, 100, 3, next_letter);
  const auto result = evaluate_choices(backend, ByteTokenizer(), items, {});
  EXPECT_EQ(result.all.items, 2U);
  EXPECT_DOUBLE_EQ(result.all.chance, 0.5);
  EXPECT_DOUBLE_EQ(result.by_type.at("t").accuracy, 0.0);
  EXPECT_DOUBLE_EQ(result.by_type.at("t").accuracy_normalized, 1.0);
  EXPECT_DOUBLE_EQ(result.by_type.at("u").accuracy, 1.0);
  EXPECT_DOUBLE_EQ(result.by_type.at("u").accuracy_normalized, 0.0);
  EXPECT_EQ(result.truncated, 0U);
}

TEST(ChoicesTest, IntervalsAreThoseOfABinomial) {
  std::vector<ChoiceItem> items;
  for (int i = 0; i < 400; ++i) {
    items.push_back(
        {.prompt = "a", .choices = {"b", "z"}, .answer = i % 4 == 0 ? 0 : 1, .type = ""});
  }
  FakeBackend backend(kVocabulary, 100, 3, next_letter);
  const ChoiceOptions options{.form = "{prompt}{choice}", .prefix = {}, .progress = nullptr};
  const auto result = evaluate_choices(backend, ByteTokenizer(), items, options);
  EXPECT_DOUBLE_EQ(result.all.accuracy, 0.25);
  const double half = 1.96 * std::sqrt(0.25 * 0.75 / 400);
  EXPECT_NEAR(result.all.interval.low, 0.25 - half, 0.01);
  EXPECT_NEAR(result.all.interval.high, 0.25 + half, 0.01);
  for (ChoiceItem& item : items) item.answer = 0;
  const auto right = evaluate_choices(backend, ByteTokenizer(), items, options);
  EXPECT_EQ(right.all.interval.high, 1);
  EXPECT_LT(right.all.interval.low, 0.995) << "all right is not certainly all right";
}

TEST(ChoicesTest, ALongPromptLosesItsBeginning) {
  FakeBackend backend(kVocabulary, 12, 3, next_letter);
  const std::vector<ChoiceItem> items = {
      {.prompt = std::string(50, 'a'), .choices = {"b", "z"}, .answer = 0, .type = ""}};
  const auto result =
      evaluate_choices(backend, ByteTokenizer(), items,
                       {.form = "{prompt}{choice}", .prefix = 256, .progress = nullptr});
  EXPECT_EQ(result.truncated, 1U);
  EXPECT_DOUBLE_EQ(result.all.accuracy, 1.0);
}

TEST(ChoicesTest, RefuseAFormWithoutTheChoiceAtItsEnd) {
  FakeBackend backend(kVocabulary, 100, 3, next_letter);
  const std::vector<ChoiceItem> items = {
      {.prompt = "p", .choices = {"b", "z"}, .answer = 0, .type = ""}};
  for (const char* form : {"{prompt}", "{prompt} {choice}.", "{choice} {choice}", "{choice}"}) {
    EXPECT_THROW(evaluate_choices(backend, ByteTokenizer(), items,
                                  {.form = form, .prefix = {}, .progress = nullptr}),
                 Error)
        << form;
  }
}

TEST(ChoicesTest, ReadsItemsAndNamesTheLineOfABadOne) {
  const TemporaryFolder folder;
  const std::string good = R"({"prompt": "p", "choices": ["a", "b"], "answer": 1, "type": "t"})";
  const auto items = read_choices(folder.write("good.jsonl", good + "\n\n" + good));
  ASSERT_EQ(items.size(), 2U);
  EXPECT_EQ(items[1].answer, 1);
  for (const char* bad : {"x", R"({"choices": ["a", "b"], "answer": 1})",
                          R"({"prompt": "p", "choices": ["a"], "answer": 0})",
                          R"({"prompt": "p", "choices": ["a", ""], "answer": 0})",
                          R"({"prompt": "p", "choices": ["a", "b"], "answer": 2})",
                          R"({"prompt": "p", "choices": ["a", "b"], "answer": -1})"}) {
    try {
      read_choices(folder.write("bad.jsonl", good + "\n" + bad + "\n"));
      ADD_FAILURE() << bad;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("bad.jsonl:2: "));
    }
  }
  EXPECT_THROW(read_choices(folder.write("none.jsonl", "\n")), Error);
}

}  // namespace
}  // namespace medgen::research
