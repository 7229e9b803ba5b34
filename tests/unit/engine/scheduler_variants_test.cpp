// Requests with several settings: one prefill for all, and each setting's texts as if it had been
// asked for alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <set>

#include "medgen/error.h"
#include "medgen/generate.h"
#include "unit/engine/fake_backend.h"

namespace medgen::engine {
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
  for (const int slots : {3, 4, 9, 30}) {
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

// How many tokens have to be fed for samples 0 .. n - 1 of each of `variants` settings, if what
// samples of one number have in common is fed once. The last token of each is not fed.
std::size_t distinct_tokens(const Recorder& recorder, int variants, int n) {
  std::set<std::pair<int, std::vector<TokenId>>> beginnings;
  for (int v = 0; v < variants; ++v) {
    for (int i = 0; i < n; ++i) {
      const std::vector<TokenId>& tokens = recorder.completion(1, v * n + i).tokens;
      for (std::size_t length = 1; length < tokens.size(); ++length) {
        beginnings.insert({i, {tokens.begin(), tokens.begin() + static_cast<long>(length)}});
      }
    }
  }
  return beginnings.size();
}

TEST(SchedulerVariantsTest, ThePromptIsPrefilledOnceAndWhatSamplesShareIsComputedOnce) {
  const std::vector<DecodingSettings> variants = {variant(1, 1, 3, 9), variant(0.9, 1, 3, 9),
                                                  variant(1, 0.9, 3, 9), variant(1, 1, 3, 9)};
  for (const int slots : {1, 2, 5, 12, 30}) {
    FakeBackend backend(kVocab, 64, slots);
    Whole whole;
    generate(backend, letters(kVocab), {request(1, History(30, 2), variants)}, whole);
    const std::size_t distinct = distinct_tokens(whole, 4, 3);
    EXPECT_LT(distinct, 3U * 4 * 8 - 3 * 8) << "two settings are the same";
    EXPECT_LE(backend.rows(), 30U + 3 * 4 * 8);
    EXPECT_GE(backend.rows(), 30U + distinct);
    if (slots >= 12) {
      EXPECT_EQ(backend.rows(), 30U + distinct) << slots << " slots";
    }
    EXPECT_EQ(backend.taken(), 0U);
  }
}

TEST(SchedulerVariantsTest, SlotsPromisedToSamplesThatMayPartAreNotGivenAway) {
  const std::vector<DecodingSettings> variants(5, variant(1.3, 1, 2, 12));
  std::vector<Request> requests;
  for (std::uint64_t id = 1; id <= 6; ++id) {
    std::vector<DecodingSettings> different = variants;
    for (std::size_t v = 0; v < variants.size(); ++v) {
      different[v].sampling.temperature = 0.6 + 0.3 * static_cast<double>(v);
    }
    requests.push_back(request(id, History(3, static_cast<TokenId>(id)), different));
  }
  Recorder reference;
  FakeBackend plenty(kVocab, 64, 60);
  generate(plenty, letters(kVocab), requests, reference);
  for (const int slots : {1, 3, 4, 7, 11}) {
    for (const int most : {0, 1, 3, 6}) {      // rows of a step
      FakeBackend backend(kVocab, 64, slots);  // refuses to give more slots than it has
      Recorder recorder;
      generate(backend, letters(kVocab), requests, recorder, {.max_slots = most});
      for (const Request& whole : requests) {
        for (int i = 0; i < 10; ++i) {
          EXPECT_EQ(recorder.completion(whole.id, i).tokens,
                    reference.completion(whole.id, i).tokens)
              << slots << " slots, " << most;
        }
      }
      EXPECT_EQ(backend.taken(), 0U);
    }
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
}  // namespace medgen::engine
