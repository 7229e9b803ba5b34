// The slot table of the TorchScript back ends, which itself needs no libtorch: what is taken, how
// long each cache is, and that every broken rule is named.
#include "torchscript/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"

namespace medgen::torchscript {
namespace {

using ::testing::HasSubstr;

template <typename Action>
std::string broken_by(Action action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRuntime);
    EXPECT_THAT(error.what(), HasSubstr("a backend's contract was broken"));
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

class TorchscriptSlotsTest : public ::testing::Test {
 protected:
  Slots slots_{2};
  BackendInfo info_{
      .name = "x", .precision = "fp32", .vocab_size = 10, .n_positions = 4, .max_slots = 2};
};

TEST_F(TorchscriptSlotsTest, AcquiredSlotsDifferAndAreEmpty) {
  const int a = slots_.acquire();
  const int b = slots_.acquire();
  EXPECT_NE(a, b);
  EXPECT_EQ(slots_.length(a), 0);
  EXPECT_EQ(slots_.length(b), 0);
}

TEST_F(TorchscriptSlotsTest, WhenAllAreTakenNoneIsGiven) {
  slots_.acquire();
  slots_.acquire();
  EXPECT_THAT(broken_by([&] { slots_.acquire(); }), HasSubstr("all 2 slots are taken"));
}

TEST_F(TorchscriptSlotsTest, AReleasedSlotIsGivenAgainAndIsEmpty) {
  const int slot = slots_.acquire();
  slots_.acquire();
  slots_.set_length(slot, 3);
  slots_.release(slot);
  EXPECT_EQ(slots_.acquire(), slot);
  EXPECT_EQ(slots_.length(slot), 0);
}

TEST_F(TorchscriptSlotsTest, ASlotThatIsNotTakenIsRefusedWhateverIsDoneWithIt) {
  const int slot = slots_.acquire();
  slots_.release(slot);
  for (const int bad : {slot, 1, 2, -1}) {
    const std::string name = "slot " + std::to_string(bad) + " is not taken";
    EXPECT_THAT(broken_by([&] { slots_.release(bad); }), HasSubstr(name));
    EXPECT_THAT(broken_by([&] { slots_.length(bad); }), HasSubstr(name));
    EXPECT_THAT(broken_by([&] { slots_.set_length(bad, 1); }), HasSubstr(name));
    const Row row{.slot = bad, .token = 0, .position = 0, .want_logits = false};
    EXPECT_THAT(broken_by([&] { slots_.advance({&row, 1}, info_); }), HasSubstr(name));
  }
}

TEST_F(TorchscriptSlotsTest, ALengthBelowZeroIsRefused) {
  const int slot = slots_.acquire();
  slots_.set_length(slot, 2);
  EXPECT_THAT(broken_by([&] { slots_.set_length(slot, -1); }), HasSubstr("a cache of -1 tokens"));
  EXPECT_EQ(slots_.length(slot), 2);
}

TEST_F(TorchscriptSlotsTest, OnlyWhatIsCachedCanBeKeptOrShared) {
  const int slot = slots_.acquire();
  slots_.set_length(slot, 2);
  for (const int bad : {3, -1}) {
    EXPECT_THAT(broken_by([&] { slots_.require_cached(slot, bad); }),
                HasSubstr(std::to_string(bad) + " tokens of slot 0, which holds 2"));
  }
  for (const int fine : {0, 1, 2}) EXPECT_NO_THROW(slots_.require_cached(slot, fine));
  EXPECT_THAT(broken_by([&] { slots_.require_cached(slot + 1, 0); }), HasSubstr("is not taken"));
}

TEST_F(TorchscriptSlotsTest, AStepsRowsAreGroupedBySlotAndExtendTheCaches) {
  const int a = slots_.acquire();
  const int b = slots_.acquire();
  slots_.set_length(b, 2);
  const std::vector<Row> rows = {{a, 1, 0, false}, {a, 2, 1, true}, {b, 3, 2, true}};
  const auto groups = slots_.advance(rows, info_);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].slot, a);
  EXPECT_EQ(groups[0].begin, 0U);
  EXPECT_EQ(groups[0].count, 2U);
  EXPECT_EQ(groups[1].slot, b);
  EXPECT_EQ(groups[1].begin, 2U);
  EXPECT_EQ(groups[1].count, 1U);
  EXPECT_EQ(slots_.length(a), 2);
  EXPECT_EQ(slots_.length(b), 3);
}

TEST_F(TorchscriptSlotsTest, ARowThatDoesNotFollowOrDoesNotExistIsRefused) {
  const int slot = slots_.acquire();
  slots_.set_length(slot, 3);
  const auto advance = [&](Row row) {
    return broken_by([&] { slots_.advance({&row, 1}, info_); });
  };
  EXPECT_THAT(advance({slot, 0, 2, true}), HasSubstr("position 2 in slot 0, which holds 3 of 4"));
  EXPECT_THAT(advance({slot, 0, 4, true}), HasSubstr("position 4"));
  EXPECT_THAT(advance({slot, 10, 3, true}), HasSubstr("token 10 of a vocabulary of 10"));
  EXPECT_THAT(advance({slot, -1, 3, true}), HasSubstr("token -1"));
  const Row last{slot, 0, 3, true};
  slots_.advance({&last, 1}, info_);
  EXPECT_THAT(advance({slot, 0, 4, true}), HasSubstr("holds 4 of 4")) << "the context is full";
}

}  // namespace
}  // namespace medgen::torchscript
