// generate() on a fake backend that checks the contract: batching changes nothing, slots are
// refilled, and every way to end. Knows nothing of a real model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "medgen/error.h"
#include "medgen/generate.h"
#include "unit/engine/fake_backend.h"

namespace medgen::engine {
namespace {

using ::testing::ElementsAre;
using testing::FakeBackend;
using testing::FakeTokenizer;
using ::testing::HasSubstr;
using testing::History;
using testing::letters;
using testing::Recorder;
using testing::scripted_logits;

constexpr int kVocab = 20;

Request request(std::uint64_t id, History prompt, int n, int max_new_tokens) {
  Request made;
  made.id = id;
  made.prompt = std::move(prompt);
  made.num_return_sequences = n;
  made.sampling.temperature = 1;
  made.stopping.max_new_tokens = max_new_tokens;
  return made;
}

Request greedy(History prompt, int max_new_tokens) {
  Request made = request(0, std::move(prompt), 1, max_new_tokens);
  made.sampling.temperature = 0;
  return made;
}

// Prompts of many lengths, some longer than a chunk, with more samples than slots.
std::vector<Request> mixed_requests() {
  std::vector<Request> requests;
  for (std::uint64_t id = 0; id < 7; ++id) {
    History prompt;
    for (std::uint64_t i = 0; i < 1 + id * id % 17; ++i) {
      prompt.push_back(static_cast<TokenId>((i * 3 + id) % kVocab));
    }
    requests.push_back(request(id * 1000003, prompt, 1 + static_cast<int>(id % 4),
                               1 + static_cast<int>(id * 5 % 23)));
  }
  return requests;
}

Recorder run(FakeBackend& backend, const Tokenizer& tokenizer, const std::vector<Request>& requests,
             const GenerateOptions& options = {}) {
  Recorder recorder;
  generate(backend, tokenizer, requests, recorder, options);
  EXPECT_EQ(backend.taken(), 0U) << "slots left taken";
  return recorder;
}

std::string error_of(FakeBackend& backend, const Tokenizer& tokenizer,
                     const std::vector<Request>& requests, ErrorCode code) {
  Recorder recorder;
  try {
    generate(backend, tokenizer, requests, recorder);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_TRUE(recorder.events.empty());
    EXPECT_TRUE(backend.rows_per_step.empty()) << "checks come before anything runs";
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

TEST(SchedulerTest, TextIsTheSameForAnyNumberOfSlotsAndAnyChunk) {
  const FakeTokenizer tokenizer = letters(kVocab, true);
  FakeBackend reference_backend(kVocab, 64, 1);
  const Recorder reference =
      run(reference_backend, tokenizer, mixed_requests(), {.prefill_chunk = 64});
  EXPECT_EQ(reference.completions.size(), 16U);
  for (const int max_slots : {1, 2, 3, 8}) {
    for (const int chunk : {1, 7, 64}) {
      FakeBackend backend(kVocab, 64, max_slots);
      const Recorder result = run(backend, tokenizer, mixed_requests(), {.prefill_chunk = chunk});
      EXPECT_EQ(result.texts(), reference.texts()) << max_slots << " slots, chunk " << chunk;
      EXPECT_GE(backend.most_slots, static_cast<std::size_t>(std::min(max_slots, 7)));
      for (const auto& [id, completion] : result.completions) {
        const Completion& expected = reference.completions.at(id);
        EXPECT_EQ(completion.finish_reason, expected.finish_reason);
        EXPECT_EQ(completion.num_tokens, expected.num_tokens);
        EXPECT_EQ(completion.logprob, expected.logprob);
      }
    }
  }
}

// The companion of the test above: it compares something that a different history would change.
TEST(SchedulerTest, TextDependsOnThePrompt) {
  FakeBackend backend(kVocab, 64, 2);
  std::vector<Request> requests = mixed_requests();
  const auto texts = run(backend, letters(kVocab), requests).texts();
  requests[6].prompt.front() ^= 1;
  EXPECT_NE(run(backend, letters(kVocab), requests).texts(), texts);
}

TEST(SchedulerTest, EventsComeInTheSameOrderEveryTime) {
  const FakeTokenizer tokenizer = letters(kVocab, true);
  FakeBackend first(kVocab, 64, 3);
  FakeBackend second(kVocab, 64, 3);
  EXPECT_EQ(run(first, tokenizer, mixed_requests()).events,
            run(second, tokenizer, mixed_requests()).events);
}

TEST(SchedulerTest, SequencesAreDecodedTogether) {
  FakeBackend backend(kVocab, 64, 4);
  run(backend, letters(kVocab), {request(1, {1, 2, 3}, 4, 5)});
  EXPECT_THAT(backend.rows_per_step, ElementsAre(3, 4, 4, 4, 4));
}

TEST(SchedulerTest, PromptIsPrefilledOnceForAllSamples) {
  for (const int max_slots : {1, 2, 3, 8}) {
    FakeBackend backend(kVocab, 64, max_slots);
    run(backend, letters(kVocab), {request(1, History(30, 2), 5, 4)});
    EXPECT_EQ(backend.rows(), 30U + 5 * 3) << max_slots << " slots";
    EXPECT_EQ(backend.n_shared + backend.n_truncated, 4);
  }
}

TEST(SchedulerTest, PrefillKeepsToItsChunkWhileOthersDecode) {
  FakeBackend backend(kVocab, 64, 2);
  run(backend, letters(kVocab), {request(1, {1}, 1, 6), request(2, History(9, 3), 1, 2)},
      {.prefill_chunk = 4});
  // 1 row of the first prompt and 3 of the second; then the first decodes beside 4 and 2 rows.
  EXPECT_THAT(backend.rows_per_step, ElementsAre(4, 5, 3, 2, 1, 1));
}

TEST(SchedulerTest, RefillsSlotWhenSequenceEnds) {
  FakeBackend backend(kVocab, 64, 2);
  run(backend, letters(kVocab),
      {request(1, {1}, 1, 9), request(2, {2}, 1, 3), request(3, {3}, 1, 3), request(4, {4}, 1, 3)});
  EXPECT_EQ(backend.most_slots, 2U);
  EXPECT_EQ(backend.rows_per_step, (std::vector<std::size_t>(9, 2)));
}

TEST(SchedulerTest, EndsAtEosWithoutItsText) {
  const FakeTokenizer tokenizer({"a", "b", "<eos>"}, 2);
  FakeBackend backend(3, 64, 1, scripted_logits(3, 2, {0, 1, 2}));
  const Recorder result =
      run(backend, tokenizer, {greedy({0, 2}, 10)});  // EOS in the prompt is fine
  EXPECT_EQ(result.completion(0, 0).text, "ab");
  EXPECT_EQ(result.completion(0, 0).finish_reason, FinishReason::kEos);
  EXPECT_EQ(result.completion(0, 0).num_tokens, 3);
}

TEST(SchedulerTest, SamplesThatEndWithTheirFirstTokenLeaveTheSlotToTheNext) {
  for (const int max_slots : {1, 3}) {
    FakeBackend backend(kVocab, 64, max_slots);
    const Recorder result = run(backend, letters(kVocab), {request(5, {1, 2}, 40, 1)});
    EXPECT_EQ(result.completions.size(), 40U);
    EXPECT_EQ(backend.rows(), 2U);
  }
}

TEST(SchedulerTest, CutsBeforeAStopStringThatSpansTokens) {
  const FakeTokenizer tokenizer({"fever", " an", "d co", "ugh"});
  FakeBackend backend(4, 64, 1, scripted_logits(4, 1, {0, 1, 2, 3}));
  Request asked = greedy({0}, 10);
  asked.stopping.stop = {"nothing", "and"};
  const Recorder result = run(backend, tokenizer, {asked});
  EXPECT_EQ(result.completion(0, 0).text, "fever ");
  EXPECT_EQ(result.completion(0, 0).finish_reason, FinishReason::kStop);
  EXPECT_EQ(result.completion(0, 0).num_tokens, 3);
}

TEST(SchedulerTest, GivesBackWhatAStopStringHeldWhenItDoesNotCome) {
  const FakeTokenizer tokenizer({"fever", " an"});
  FakeBackend backend(2, 64, 1, scripted_logits(2, 1, {0, 1}));
  Request asked = greedy({0}, 2);
  asked.stopping.stop = {"and"};
  const Recorder result = run(backend, tokenizer, {asked});
  EXPECT_EQ(result.completion(0, 0).text, "fever an");
  EXPECT_EQ(result.completion(0, 0).finish_reason, FinishReason::kLength);
}

TEST(SchedulerTest, StreamsWholeCharactersWhereTokensSplitThem) {
  const FakeTokenizer tokenizer({"caf", "\xC3", "\xA9\xF0\x9F", "\x98\xB7", "\xE2\x82"});
  FakeBackend backend(5, 64, 1, scripted_logits(5, 1, {0, 1, 2, 3, 4}));
  const Recorder result = run(backend, tokenizer, {greedy({0}, 5)});
  EXPECT_THAT(result.pieces.at({0, 0}),
              ElementsAre("caf", "\xC3\xA9", "\xF0\x9F\x98\xB7", "\xEF\xBF\xBD"));
}

TEST(SchedulerTest, MaxLengthCountsThePrompt) {
  FakeBackend backend(kVocab, 64, 1);
  Request asked = request(0, {1, 2, 3}, 1, 1);
  asked.stopping.max_new_tokens.reset();
  asked.stopping.max_length = 10;
  const Recorder result = run(backend, letters(kVocab), {asked});
  EXPECT_EQ(result.completion(0, 0).num_tokens, 7);
  EXPECT_EQ(result.completion(0, 0).finish_reason, FinishReason::kLength);
}

TEST(SchedulerTest, EmitsOneTokenMoreThanTheContextHolds) {
  FakeBackend backend(kVocab, 8, 1);
  const Recorder result = run(backend, letters(kVocab),
                              {request(1, {1, 2, 3}, 1, 100), request(2, History(8, 1), 2, 100),
                               request(3, {1, 2, 3}, 1, 6)});
  EXPECT_EQ(result.completion(1, 0).num_tokens, 6);  // 3 + 6 = 8 + 1
  EXPECT_EQ(result.completion(1, 0).finish_reason, FinishReason::kContext);
  EXPECT_EQ(result.completion(2, 1).num_tokens, 1);
  EXPECT_EQ(result.completion(2, 1).finish_reason, FinishReason::kContext);
  EXPECT_EQ(result.completion(3, 0).finish_reason, FinishReason::kLength) << "length wins";
}

TEST(SchedulerTest, InterruptedSequencesKeepTheirText) {
  FakeBackend backend(kVocab, 64, 2);
  std::atomic<bool> interrupted = false;
  backend.before_step = [&] { interrupted = backend.rows_per_step.size() == 3; };
  const Recorder result =
      run(backend, letters(kVocab),
          {request(1, {1}, 1, 50), request(2, {1}, 1, 50), request(3, {1}, 1, 50)},
          {.interrupted = &interrupted});
  ASSERT_EQ(result.completions.size(), 2U) << "only what had begun is reported";
  EXPECT_EQ(result.completion(1, 0).text.size(), 4U);
  EXPECT_EQ(result.completion(2, 0).finish_reason, FinishReason::kInterrupted);
}

TEST(SchedulerTest, NothingRunsWhenInterruptedBefore) {
  FakeBackend backend(kVocab, 64, 2);
  const std::atomic<bool> interrupted = true;
  const Recorder result =
      run(backend, letters(kVocab), {request(1, {1}, 3, 50)}, {.interrupted = &interrupted});
  EXPECT_TRUE(result.completions.empty());
  EXPECT_TRUE(backend.rows_per_step.empty());
}

TEST(SchedulerTest, OneSampleEqualsTheFirstOfThree) {
  FakeBackend backend(kVocab, 64, 3);
  const auto one = run(backend, letters(kVocab), {request(9, {1, 2}, 1, 20)});
  const auto three = run(backend, letters(kVocab), {request(9, {1, 2}, 3, 20)});
  EXPECT_EQ(one.completion(9, 0).text, three.completion(9, 0).text);
  EXPECT_NE(three.completion(9, 0).text, three.completion(9, 1).text);
  EXPECT_NE(three.completion(9, 1).text, three.completion(9, 2).text);
}

TEST(SchedulerTest, SeedsAndRequestIdsDrawDifferently) {
  FakeBackend backend(kVocab, 64, 3);
  std::vector<Request> requests = {request(1, {1, 2}, 1, 20), request(2, {1, 2}, 1, 20)};
  const Recorder result = run(backend, letters(kVocab), requests);
  EXPECT_NE(result.completion(1, 0).text, result.completion(2, 0).text);
  requests[0].sampling.seed = 1;
  EXPECT_NE(run(backend, letters(kVocab), requests).completion(1, 0).text,
            result.completion(1, 0).text);
}

TEST(SchedulerTest, LogprobSumsTheModelsOwnProbabilities) {
  const FakeTokenizer tokenizer({"a", "b"});
  const auto logits = [](const History&) { return std::vector<float>{1, 0}; };
  FakeBackend backend(2, 64, 1, logits);
  Request asked = greedy({0}, 3);
  EXPECT_NEAR(run(backend, tokenizer, {asked}).completion(0, 0).logprob,
              3 * -std::log1p(std::exp(-1.0)), 1e-6);
}

TEST(SchedulerTest, NeverDrawsIdsThatTheTokenizerDoesNotKnow) {
  const auto logits = [](const History&) { return std::vector<float>{0, 0, 50, 50}; };
  FakeBackend backend(4, 64, 2, logits);
  const Recorder result = run(backend, FakeTokenizer({"a", "b"}), {request(1, {0}, 20, 20)});
  EXPECT_NEAR(result.completion(1, 0).logprob, -20 * std::log(2.0), 1e-5);
}

TEST(SchedulerTest, SlotsAreReleasedWhenTheModelFails) {
  const auto broken = [](const History& history) {
    return std::vector<float>(2, history.size() < 4 ? 0 : std::nanf(""));
  };
  FakeBackend backend(2, 64, 2, broken);
  Recorder recorder;
  EXPECT_THROW(generate(backend, FakeTokenizer({"a", "b"}), {request(1, {0}, 2, 20)}, recorder),
               Error);
  EXPECT_EQ(backend.taken(), 0U);
  EXPECT_EQ(recorder.pieces.size(), 2U);
}

TEST(SchedulerTest, NoRequestsIsFine) {
  FakeBackend backend(kVocab, 64, 2);
  EXPECT_TRUE(run(backend, letters(kVocab), {}).events.empty());
}

TEST(GenerateTest, RefusesPromptsThatDoNotFit) {
  FakeBackend backend(kVocab, 8, 2);
  const FakeTokenizer tokenizer = letters(kVocab);
  const Request good = request(1, {1}, 1, 5);
  EXPECT_THAT(error_of(backend, tokenizer, {request(1, {}, 1, 5)}, ErrorCode::kUsage),
              HasSubstr("the prompt has no tokens"));
  EXPECT_THAT(
      error_of(backend, tokenizer, {good, request(1, History(9, 1), 1, 5)}, ErrorCode::kUsage),
      AllOf(HasSubstr("prompt 2 of 2 is 9 tokens long"), HasSubstr("only 8"),
            HasSubstr("`truncate_prompt`")));
  Request long_prompt = request(1, History(7, 1), 1, 5);
  long_prompt.stopping.max_new_tokens.reset();
  long_prompt.stopping.max_length = 7;
  EXPECT_THAT(error_of(backend, tokenizer, {long_prompt}, ErrorCode::kUsage),
              AllOf(HasSubstr("7 tokens"), HasSubstr("max-length"), HasSubstr("`max_new_tokens`")));
  EXPECT_THAT(error_of(backend, tokenizer, {request(1, {kVocab}, 1, 5)}, ErrorCode::kUsage),
              HasSubstr("token id 20"));
}

TEST(GenerateTest, RefusesCountsChunksAndTokenizersOutOfRange) {
  FakeBackend backend(kVocab, 8, 2);
  const FakeTokenizer tokenizer = letters(kVocab);
  for (const int n : {-1, 0, 4097, 1000000000}) {
    EXPECT_THAT(error_of(backend, tokenizer, {request(1, {1}, n, 5)}, ErrorCode::kUsage),
                AllOf(HasSubstr(std::to_string(n)), HasSubstr("1 to 4096")));
  }
  EXPECT_THAT(error_of(backend, letters(kVocab + 1), {request(1, {1}, 1, 5)}, ErrorCode::kModel),
              AllOf(HasSubstr("21"), HasSubstr("20")));
  Recorder recorder;
  EXPECT_THROW(generate(backend, tokenizer, {}, recorder, {.prefill_chunk = 0}), Error);
}

TEST(GenerateTest, FinishReasonsHaveNames) {
  EXPECT_EQ(to_string(FinishReason::kEos), "eos");
  EXPECT_EQ(to_string(FinishReason::kStop), "stop");
  EXPECT_EQ(to_string(FinishReason::kLength), "length");
  EXPECT_EQ(to_string(FinishReason::kContext), "context");
  EXPECT_EQ(to_string(FinishReason::kInterrupted), "interrupted");
}

// The fake's own companions: a scheduler that broke the contract would be caught.
TEST(FakeBackendTest, CatchesBrokenRules) {
  FakeBackend backend(kVocab, 4, 2);
  const int a = backend.acquire_slot();
  const int b = backend.acquire_slot();
  const auto step = [&](std::vector<Row> rows) { backend.step(rows); };
  EXPECT_THROW(backend.acquire_slot(), std::logic_error);
  EXPECT_THROW(step({{a, 0, 1, true}}), std::logic_error);  // position
  EXPECT_THROW(step({{a, 0, 0, true}, {b, 0, 0, true}, {a, 0, 1, true}}),
               std::logic_error);                               // apart
  EXPECT_THROW(step({{a + b, 0, 0, true}}), std::logic_error);  // slot
  EXPECT_THROW(backend.share_cache(a, b, 3), std::logic_error);
  backend.release_slot(a);
  EXPECT_THROW(backend.release_slot(a), std::logic_error);
}

}  // namespace
}  // namespace medgen::engine
