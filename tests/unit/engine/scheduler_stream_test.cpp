// generate() on requests that come one after another: results as of a list, asked for only when
// there is room, delivered whole, and failures of one that leave the others alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

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

Request request(std::uint64_t id, History prompt, int n, int max_new_tokens) {
  Request made;
  made.id = id;
  made.tag = id * 10;
  made.prompt = std::move(prompt);
  made.num_return_sequences = n;
  made.sampling.temperature = 1;
  made.stopping.max_new_tokens = max_new_tokens;
  return made;
}

std::vector<Request> many_requests() {
  std::vector<Request> requests;
  for (std::uint64_t id = 1; id <= 40; ++id) {
    requests.push_back(request(id, History(1 + id % 9, static_cast<TokenId>(id % kVocab)),
                               1 + static_cast<int>(id % 4), 1 + static_cast<int>(id * 7 % 19)));
  }
  return requests;
}

// Supplies requests with pauses: defers every `later`th call that may be deferred.
class Trickle : public RequestSource {
 public:
  Trickle(std::vector<Request> requests, int later)
      : requests_(std::move(requests)), later_(later) {}
  Next next(Request& request, bool wait) override {
    if (wait) ++waits;
    if (!wait && later_ > 0 && ++asked_ % later_ == 0) return Next::kLater;
    if (given == requests_.size()) return Next::kEnd;
    request = requests_[given++];
    return Next::kRequest;
  }
  std::size_t given = 0;
  int waits = 0;

 private:
  std::vector<Request> requests_;
  int later_, asked_ = 0;
};

class Results : public Recorder {
 public:
  void on_request_finish(const Request& request, std::vector<Completion>&& all) override {
    ASSERT_EQ(all.size(), static_cast<std::size_t>(request.num_return_sequences));
    for (std::size_t i = 0; i < all.size(); ++i) {
      EXPECT_EQ(all[i].index, static_cast<int>(i));
      EXPECT_EQ(all[i].text, completion(request.id, static_cast<int>(i)).text);
    }
    tags.push_back(request.tag);
    if (source != nullptr)
      most_open = std::max(most_open, source->given - tags.size() - failed.size());
  }
  void on_request_failure(const Request& request, const Error& error) override {
    failed.push_back(request.tag);
    messages += error.what();
  }
  std::vector<std::uint64_t> tags, failed;
  std::string messages;
  const Trickle* source = nullptr;
  std::size_t most_open = 0;
};

TEST(SchedulerStreamTest, GivesWhatAListGives) {
  FakeBackend list_backend(kVocab, 64, 4);
  Recorder list;
  generate(list_backend, letters(kVocab), many_requests(), list);
  for (const int slots : {1, 3, 8}) {
    for (const int later : {0, 2, 3}) {
      FakeBackend backend(kVocab, 64, slots);
      Trickle source(many_requests(), later);
      Results results;
      generate(backend, letters(kVocab), source, results);
      EXPECT_EQ(results.texts(), list.texts()) << slots << " slots";
      EXPECT_EQ(results.tags.size(), 40U);
      EXPECT_EQ(backend.taken(), 0U);
    }
  }
}

TEST(SchedulerStreamTest, AsksOnlyWhenASampleCouldStart) {
  FakeBackend backend(kVocab, 64, 4);
  Trickle source(many_requests(), 0);
  Results results;
  results.source = &source;
  generate(backend, letters(kVocab), source, results);
  EXPECT_LE(results.most_open, 4U) << "no more requests are open than there are slots";
}

TEST(SchedulerStreamTest, SamplesOfAnEarlierPromptComeBeforeANewPrompt) {
  FakeBackend backend(kVocab, 64, 4);
  Trickle source({request(1, {1}, 4, 5), request(2, {2}, 4, 5), request(3, {3}, 4, 5)}, 0);
  Results results;
  results.source = &source;
  generate(backend, letters(kVocab), source, results);
  EXPECT_THAT(results.tags, ElementsAre(10, 20, 30));
  EXPECT_THAT(backend.rows_per_step, ElementsAre(1, 4, 4, 4, 4, 1, 4, 4, 4, 4, 1, 4, 4, 4, 4));
}

TEST(SchedulerStreamTest, MaxSlotsHolds) {
  FakeBackend backend(kVocab, 64, 8);
  Trickle source(many_requests(), 0);
  Results results;
  generate(backend, letters(kVocab), source, results, {.max_slots = 3});
  EXPECT_EQ(backend.most_slots, 3U);
  EXPECT_EQ(results.tags.size(), 40U);
}

TEST(SchedulerStreamTest, ARequestThatDoesNotFitFailsAlone) {
  FakeBackend backend(kVocab, 8, 2);
  Trickle source({request(1, {1}, 1, 3), request(2, History(9, 1), 1, 3), request(3, {3}, 2, 3)},
                 0);
  Results results;
  generate(backend, letters(kVocab), source, results);
  EXPECT_THAT(results.tags, ElementsAre(10, 30));
  EXPECT_THAT(results.failed, ElementsAre(20));
  EXPECT_THAT(results.messages, HasSubstr("9 tokens long"));
}

// One sample of several gives logits that nothing can be drawn from.
TEST(SchedulerStreamTest, AModelThatFailsOneRequestGoesOnWithTheOthers) {
  const auto logits = [](const History& history) {
    std::vector<float> row = testing::hashed_logits(kVocab)(history);
    if (history[0] == 2 && history.size() > 4) row[0] = std::nanf("");
    return row;
  };
  for (const int slots : {1, 2, 5}) {
    FakeBackend backend(kVocab, 64, slots, logits);
    Trickle source({request(1, {1}, 2, 6), request(2, {2}, 3, 9), request(3, {3}, 2, 6)}, 0);
    Results results;
    generate(backend, letters(kVocab), source, results);
    EXPECT_THAT(results.tags, ::testing::UnorderedElementsAre(10, 30)) << slots;
    EXPECT_THAT(results.failed, ElementsAre(20)) << "told once";
    EXPECT_EQ(backend.taken(), 0U);
  }
}

TEST(SchedulerStreamTest, WaitsOnlyWhenNothingRunsAndNoticesInterruptions) {
  FakeBackend backend(kVocab, 64, 2);
  std::atomic<bool> interrupted{false};
  struct Silent : RequestSource {
    explicit Silent(std::atomic<bool>& flag) : flag_(flag) {}
    Next next(Request&, bool wait) override {
      if (wait && ++waits == 3) flag_ = true;
      return Next::kLater;
    }
    std::atomic<bool>& flag_;
    int waits = 0;
  } source(interrupted);
  Results results;
  generate(backend, letters(kVocab), source, results, {.interrupted = &interrupted});
  EXPECT_EQ(source.waits, 3);
  EXPECT_TRUE(backend.rows_per_step.empty());
}

TEST(SchedulerStreamTest, AnInterruptedRequestIsNotDeliveredAsWhole) {
  FakeBackend backend(kVocab, 64, 2);
  std::atomic<bool> interrupted{false};
  backend.before_step = [&] { interrupted = backend.rows_per_step.size() == 4; };
  Trickle source({request(1, {1}, 1, 2), request(2, {2}, 2, 50)}, 0);
  Results results;
  generate(backend, letters(kVocab), source, results, {.interrupted = &interrupted});
  EXPECT_THAT(results.tags, ElementsAre(10));
}

}  // namespace
}  // namespace medgen::engine
