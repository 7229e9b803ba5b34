// Slots that are released however a scope is left, and prefilling into one.
#include "engine/slots.h"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

#include "unit/engine/fake_backend.h"

namespace medgen::engine {
namespace {

using medgen::testing::FakeBackend;

TEST(SlotsTest, WhatIsStillTakenIsReleasedAtTheEnd) {
  FakeBackend backend(5, 8, 3);
  {
    Slots slots(backend);
    slots.acquire();
    slots.acquire();
    EXPECT_EQ(backend.taken(), 2U);
  }
  EXPECT_EQ(backend.taken(), 0U);
}

TEST(SlotsTest, AnExceptionReleasesThemToo) {
  FakeBackend backend(5, 8, 3);
  try {
    Slots slots(backend);
    slots.acquire();
    throw std::runtime_error("the model failed");
  } catch (const std::runtime_error&) {
  }
  EXPECT_EQ(backend.taken(), 0U);
}

TEST(SlotsTest, AReleasedSlotIsNotReleasedAgain) {
  FakeBackend backend(5, 8, 2);  // throws at a second release
  Slots slots(backend);
  const int first = slots.acquire();
  const int second = slots.acquire();
  slots.release(first);
  EXPECT_EQ(backend.taken(), 1U);
  EXPECT_THROW(slots.release(first), std::logic_error);
  slots.release(second);
  EXPECT_EQ(backend.taken(), 0U);
}

TEST(SlotsTest, WhenAllAreTakenTheBackendsRefusalPassesAndTheOthersAreStillReleased) {
  FakeBackend backend(5, 8, 2);
  {
    Slots slots(backend);
    slots.acquire();
    slots.acquire();
    EXPECT_THROW(slots.acquire(), std::logic_error);
    EXPECT_EQ(backend.taken(), 2U);
  }
  EXPECT_EQ(backend.taken(), 0U);
}

// Fails once it is asked to release.
class BrokenBackend : public FakeBackend {
 public:
  using FakeBackend::FakeBackend;
  void release_slot(int) override {
    ++releases;
    throw std::runtime_error("broken");
  }
  int releases = 0;
};

TEST(SlotsTest, ABackendThatFailsToReleaseHidesNoOtherError) {
  BrokenBackend backend(5, 8, 2);
  try {
    Slots slots(backend);
    slots.acquire();
    throw std::logic_error("the first error");
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "the first error");
  }
  EXPECT_EQ(backend.releases, 1);
}

TEST(PrefillTest, GivesTheLogitsAfterTheLastTokenWhateverTheNumberOfChunks) {
  for (const int size : {1, 255, 256, 257, 600}) {
    FakeBackend backend(5, 1000, 1);
    std::vector<TokenId> ids(static_cast<std::size_t>(size));
    std::iota(ids.begin(), ids.end(), 0);
    for (TokenId& id : ids) id %= 5;
    Slots slots(backend);
    const std::vector<float> logits = prefill(backend, slots.acquire(), ids, 4);
    const std::vector<float> all = medgen::testing::hashed_logits(5)(ids);
    EXPECT_EQ(logits, std::vector<float>(all.begin(), all.begin() + 4)) << size;
    EXPECT_EQ(backend.rows(), ids.size());
  }
}

}  // namespace
}  // namespace medgen::engine
