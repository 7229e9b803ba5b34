// The rules of slots that Backend promises, on each back end with the same small model: acquire,
// release, share, truncate, and what breaks them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "needs_torch.h"
#include "parity/torch_backend.h"
#include "unit/bundle/support.h"
#include "wiring/open_backend.h"

namespace medgen {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr int kSlots = 3;

std::unique_ptr<Backend> open(const std::string& name, const std::filesystem::path& cache) {
  const auto folder = bundle_test::fixture("traced");
  const auto model_pt = folder / "model.pt";
  const ModelConfig config = bundle::read_config(folder / "config.json");
  const torchscript::BackendOptions options{.max_slots = kSlots, .threads = 1, .device = "cpu"};
  if (name == "torchscript") return open_in_libtorch(model_pt, config, options);
  if (name == "foreign") return wiring::torch_room().open_foreign(model_pt, config, options);
  ::setenv("XDG_CACHE_HOME", cache.c_str(), 1);
  wiring::ModelSource source;
  source.model_pt = model_pt;
  source.sha256 = std::string(64, 'b');
  source.config = config;
  source.tokenizer = load_tokenizer(bundle_test::fixture("tokenizer"));
  BackendOptions native;
  native.precision = WeightPrecision::kFloat32;
  native.threads = 1;
  native.max_slots = kSlots;
  return wiring::open_native_backend(source, native);
}

class SlotRulesTest : public ::testing::TestWithParam<const char*> {
 protected:
  // Appends to a slot that holds `cached` tokens; the logits after the last.
  std::vector<float> feed(int slot, int cached, const std::vector<TokenId>& ids) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      rows.push_back({slot, ids[i], cached + static_cast<int>(i), i + 1 == ids.size()});
    }
    const auto logits = backend_->step(rows);
    return {logits.begin(), logits.end()};
  }
  std::vector<float> fresh(const std::vector<TokenId>& ids) {
    const int slot = backend_->acquire_slot();
    std::vector<float> logits = feed(slot, 0, ids);
    backend_->release_slot(slot);
    return logits;
  }

  void SetUp() override {
    if (GetParam() != std::string("native")) {
      MEDGEN_NEEDS_TORCH();
    }
    backend_ = open(GetParam(), cache_.path());
  }

  TemporaryFolder cache_;
  std::unique_ptr<Backend> backend_;
};

TEST_P(SlotRulesTest, AllSlotsAreGivenOnceAndNoMore) {
  std::set<int> slots;
  for (int i = 0; i < kSlots; ++i) slots.insert(backend_->acquire_slot());
  EXPECT_EQ(slots.size(), static_cast<std::size_t>(kSlots));
  EXPECT_THROW(backend_->acquire_slot(), Error);
  backend_->release_slot(*slots.begin());
  EXPECT_EQ(backend_->acquire_slot(), *slots.begin());
}

TEST_P(SlotRulesTest, AReleasedSlotIsRefusedUntilItIsAcquiredAgain) {
  const int other = backend_->acquire_slot();
  const int slot = backend_->acquire_slot();
  backend_->release_slot(slot);
  EXPECT_THROW(backend_->release_slot(slot), Error);
  EXPECT_THROW(backend_->truncate_cache(slot, 0), Error);
  EXPECT_THROW(backend_->share_cache(slot, other, 0), Error);
  EXPECT_THROW(backend_->share_cache(other, slot, 0), Error);
  EXPECT_THROW(feed(slot, 0, {1}), Error);
}

TEST_P(SlotRulesTest, AReusedSlotForgetsWhatItHeld) {
  const int slot = backend_->acquire_slot();
  feed(slot, 0, {1, 2, 3});
  backend_->release_slot(slot);
  const int again = backend_->acquire_slot();
  ASSERT_EQ(again, slot);
  const std::vector<float> logits = feed(again, 0, {7, 8});
  EXPECT_THAT(logits, Pointwise(FloatNear(1e-5F), fresh({7, 8})));
}

TEST_P(SlotRulesTest, ASharedCacheGoesOnAsIfItHadBeenComputedAndLeavesItsSource) {
  const int from = backend_->acquire_slot();
  const int to = backend_->acquire_slot();
  feed(from, 0, {1, 2, 3, 4});
  backend_->share_cache(from, to, 2);
  EXPECT_THAT(feed(to, 2, {9}), Pointwise(FloatNear(1e-5F), fresh({1, 2, 9})));
  EXPECT_THAT(feed(from, 4, {5}), Pointwise(FloatNear(1e-5F), fresh({1, 2, 3, 4, 5})));
  EXPECT_THROW(feed(to, 2, {9}), Error) << "it holds three tokens";
}

TEST_P(SlotRulesTest, MoreThanIsCachedOrLessThanNothingIsNotShared) {
  const int from = backend_->acquire_slot();
  const int to = backend_->acquire_slot();
  feed(from, 0, {1, 2});
  EXPECT_THROW(backend_->share_cache(from, to, 3), Error);
  EXPECT_THROW(backend_->share_cache(from, to, -1), Error);
}

TEST_P(SlotRulesTest, ATruncatedCacheForgetsTheRest) {
  const int slot = backend_->acquire_slot();
  feed(slot, 0, {1, 2, 3});
  backend_->truncate_cache(slot, 1);
  EXPECT_THROW(feed(slot, 3, {4}), Error);
  EXPECT_THAT(feed(slot, 1, {6}), Pointwise(FloatNear(1e-5F), fresh({1, 6})));
  EXPECT_THROW(backend_->truncate_cache(slot, -1), Error);
}

TEST_P(SlotRulesTest, NoMoreThanIsCachedIsKept) {
  const int slot = backend_->acquire_slot();
  EXPECT_THROW(backend_->truncate_cache(slot, 1), Error);
  feed(slot, 0, {1, 2});
  EXPECT_THROW(backend_->truncate_cache(slot, 3), Error);
  backend_->truncate_cache(slot, 2);  // companion: all of it may be kept
  EXPECT_THAT(feed(slot, 2, {6}), Pointwise(FloatNear(1e-5F), fresh({1, 2, 6})));
}

// Companion: the comparisons above see another token in the cache.
TEST_P(SlotRulesTest, AnotherTokenBeforeGivesOtherLogits) {
  EXPECT_THAT(fresh({1, 6}), ::testing::Not(Pointwise(FloatNear(1e-5F), fresh({2, 6}))));
}

INSTANTIATE_TEST_SUITE_P(EachBackend, SlotRulesTest,
                         ::testing::Values("torchscript", "foreign", "native"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace medgen
