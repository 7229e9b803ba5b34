// Requests with several settings: one prefill for all, and each setting's texts as if it had been
// asked for alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "medgen/error.h"
#include "medgen/generate.h"
#include "unit/engine/fake_backend.h"

namespace medgen {
namespace {

using ::testing::ElementsAre;
using testing::FakeBackend;
using ::testing::HasSubstr;
using testing::History;
using testing::letters;
using testing::Recorder;

constexpr int kVocab = 20;

DecodingSettings variant(double temperature, double top_p, int n, int max_new_tokens) {
  DecodingSettings settings;
  settings.sampling.temperature = temperature;
  settings.sampling.top_k = 0;
  settings.sampling.top_p = top_p;
  settings.sampling.seed = 5;
  settings.stopping.max_new_tokens = max_new_tokens;
  settings.num_return_sequences = n;
  return settings;
}

DecodingSettings beams(int n) {
  DecodingSettings settings = variant(0, 1, n, 6);
  settings.sampling.num_beams = 3;
  return settings;
}

Request request(std::uint64_t id, History prompt, std::vector<DecodingSettings> variants) {
  Request made;
  made.id = id;
  made.tag = 10 * id;
  made.prompt = std::move(prompt);
  made.variants = std::move(variants);
  return made;
}

Request alone(const Request& whole, const DecodingSettings& settings) {
  Request made;
  made.id = whole.id;
  made.prompt = whole.prompt;
  made.num_return_sequences = settings.num_return_sequences;
  made.sampling = settings.sampling;
  made.stopping = settings.stopping;
  return made;
}

class Whole : public Recorder {
 public:
  void on_request_finish(const Request& request, std::vector<Completion>&& all) override {
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].index, static_cast<int>(i));
    tags.push_back(request.tag);
    variants.push_back(request.variants.size());
    counts.push_back(all.size());
  }
  void on_request_failure(const Request& request, const Error& error) override {
    failed.push_back(request.tag);
    messages += error.what();
  }
  std::vector<std::uint64_t> tags, failed;
  std::vector<std::size_t> counts, variants;
  std::string messages;
};

std::vector<DecodingSettings> mixed_variants() {
  return {variant(1, 1, 3, 9), variant(0.5, 0.8, 2, 12), beams(2), variant(0, 1, 1, 7),
          variant(1, 0.9, 4, 1)};
}

TEST(SchedulerVariantsTest, EachGivesTheTextsThatItGivesAlone) {
  const auto tokenizer = letters(kVocab, true);
  const std::vector<Request> requests = {request(1, {1, 2, 3}, mixed_variants()),
                                         request(2, History(9, 4), {variant(1, 1, 2, 5)}),
                                         request(3, {7}, mixed_variants())};
  std::size_t different = 0;
  for (const int slots : {3, 4, 9}) {
    FakeBackend backend(kVocab, 64, slots);
    Whole together;
    generate(backend, tokenizer, requests, together, {.prefill_chunk = 4});
    EXPECT_EQ(backend.taken(), 0U);
    EXPECT_THAT(together.tags, ElementsAre(10, 20, 30));
    EXPECT_THAT(together.counts, ElementsAre(12, 2, 12));
    EXPECT_THAT(together.variants, ElementsAre(5, 1, 5));
    for (const Request& whole : requests) {
      int first = 0;
      for (const DecodingSettings& settings : whole.variants) {
        FakeBackend other(kVocab, 64, 3);
        Recorder by_itself;
        generate(other, tokenizer, {alone(whole, settings)}, by_itself);
        for (int i = 0; i < settings.num_return_sequences; ++i, ++first) {
          const Completion& one = by_itself.completion(whole.id, i);
          const Completion& same = together.completion(whole.id, first);
          EXPECT_EQ(same.text, one.text) << slots << " slots, completion " << first;
          EXPECT_EQ(same.tokens, one.tokens);
          EXPECT_EQ(same.logprob, one.logprob);
          EXPECT_EQ(same.finish_reason, one.finish_reason);
          EXPECT_EQ(same.beam_score, one.beam_score);
          different += one.text != together.completion(whole.id, 0).text ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(different, 20U) << "settings give different texts, or nothing was compared";
}

TEST(SchedulerVariantsTest, ThePromptIsPrefilledOnce) {
  for (const int slots : {1, 2, 5, 8}) {
    FakeBackend backend(kVocab, 64, slots);
    Whole whole;
    generate(backend, letters(kVocab),
             {request(1, History(30, 2), {variant(1, 1, 2, 4), variant(0.7, 1, 3, 4)})}, whole);
    EXPECT_EQ(backend.rows(), 30U + 5 * 3) << slots << " slots";
  }
}

TEST(SchedulerVariantsTest, SampleIDrawsTheSameCoinsUnderEverySetting) {
  FakeBackend backend(kVocab, 64, 4);
  Whole whole;
  // top_p keeps every token here, so only the coins could make a difference.
  DecodingSettings other = variant(1, 1, 3, 12);
  other.sampling.min_p = 1e-9;
  generate(backend, letters(kVocab), {request(1, {1, 2}, {variant(1, 1, 3, 12), other})}, whole);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(whole.completion(1, i).text, whole.completion(1, 3 + i).text);
  }
  EXPECT_NE(whole.completion(1, 0).text, whole.completion(1, 1).text);
}

TEST(SchedulerVariantsTest, FailsAsAWholeAndOnce) {
  const auto logits = [](const History& history) {
    std::vector<float> row = testing::hashed_logits(kVocab)(history);
    if (history[0] == 2 && history.size() > 4) row[0] = std::nanf("");
    return row;
  };
  struct Source : RequestSource {
    Next next(Request& request, bool) override {
      if (requests.empty()) return Next::kEnd;
      request = requests.back();
      requests.pop_back();
      return Next::kRequest;
    }
    std::vector<Request> requests;
  } source;
  source.requests = {request(3, {3}, mixed_variants()), request(2, {2, 2}, mixed_variants()),
                     request(1, {1}, {variant(1, 1, 2, 5)})};
  FakeBackend backend(kVocab, 64, 4, logits);
  Whole whole;
  generate(backend, letters(kVocab), source, whole);
  EXPECT_THAT(whole.tags, ElementsAre(10, 30));
  EXPECT_THAT(whole.failed, ElementsAre(20));
  EXPECT_EQ(backend.taken(), 0U);
}

TEST(SchedulerVariantsTest, EveryVariantIsChecked) {
  FakeBackend backend(kVocab, 64, 2);
  Whole whole;
  std::vector<DecodingSettings> variants = {variant(1, 1, 2, 5), variant(1, 2, 2, 5)};
  try {
    generate(backend, letters(kVocab), {request(1, {1}, variants)}, whole);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("top-p is 2"));
  }
  EXPECT_TRUE(backend.rows_per_step.empty());
}

TEST(SchedulerVariantsTest, InterruptedVariantsAreNotDeliveredAsWhole) {
  FakeBackend backend(kVocab, 64, 4);
  std::atomic<bool> interrupted{false};
  backend.before_step = [&] { interrupted = backend.rows_per_step.size() == 3; };
  Whole whole;
  generate(backend, letters(kVocab),
           {request(1, {1}, {variant(1, 1, 2, 2), beams(1), variant(1, 1, 2, 40)})}, whole,
           {.interrupted = &interrupted});
  EXPECT_TRUE(whole.tags.empty());
  EXPECT_EQ(backend.taken(), 0U);
}

}  // namespace
}  // namespace medgen
