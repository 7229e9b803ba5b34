// One choice for everything that is compiled for several instruction sets: kernels, the sampler's
// loops and those of training all run what MEDGEN_ISA names.
#include "base/instruction_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <string>

#include "engine/row_loops.h"
#include "kernels/tables.h"
#include "medgen/error.h"
#include "train/training_kernels.h"

namespace medgen::base {
namespace {

using ::testing::HasSubstr;

// The variable with this value, back to what it was afterwards.
class Forced {
 public:
  explicit Forced(const char* value) {
    if (const char* before = std::getenv("MEDGEN_ISA")) before_ = before;
    if (value == nullptr) {
      ::unsetenv("MEDGEN_ISA");
    } else {
      ::setenv("MEDGEN_ISA", value, 1);
    }
  }
  ~Forced() {
    if (before_.empty()) {
      ::unsetenv("MEDGEN_ISA");
    } else {
      ::setenv("MEDGEN_ISA", before_.c_str(), 1);
    }
  }
  Forced(const Forced&) = delete;
  Forced& operator=(const Forced&) = delete;

 private:
  std::string before_;
};

const std::map<std::string, std::function<std::string()>> kUses = {
    {"kernels", [] { return std::string(kernels::choose_kernels().name); }},
    {"the sampler's loops", [] { return std::string(engine::choose_row_loops().name); }},
    {"the loops of training", [] { return std::string(train::choose_training_loops().name); }},
};

TEST(InstructionSetTest, EveryUseRunsTheForcedOne) {
  for (const InstructionSet set : instruction_sets()) {
    const std::string name(to_string(set));
    if (set > InstructionSet::kAvx512 && set < InstructionSet::kNeon) continue;  // the next test
    const Forced forced(name.c_str());
    for (const auto& [use, chosen] : kUses) {
      if (!can_run(set)) {
        EXPECT_THROW(chosen(), Error) << use;
        continue;
      }
      std::string expected = name;
      if (use == "kernels" && name == "avx512" && can_run(InstructionSet::kAvx512Vnni)) {
        expected = "avx512_vnni";
      }
      // Plain loops are compiled to NEON anyway.
      if (use != "kernels" && set >= InstructionSet::kNeon) expected = "scalar";
      EXPECT_EQ(chosen(), expected) << use;
    }
  }
}

TEST(InstructionSetTest, WhatHasNoCodeForALargerSetRunsItsOwnLargest) {
  if (!can_run(InstructionSet::kAvx512Vnni)) GTEST_SKIP() << "no VNNI here";
  const Forced forced("avx512_vnni");
  EXPECT_EQ(kUses.at("kernels")(), "avx512_vnni");
  EXPECT_EQ(kUses.at("the sampler's loops")(), "avx512");
  EXPECT_EQ(kUses.at("the loops of training")(), "avx512");
}

TEST(InstructionSetTest, UnlessForcedTheBestRuns) {
  const Forced not_forced(nullptr);
  EXPECT_EQ(engine::choose_row_loops().name, engine::all_row_loops().back()->name);
  EXPECT_EQ(train::choose_training_loops().name, train::all_training_loops().back()->name);
  const kernels::KernelList all = kernels::all_kernels();
  std::string best;
  for (int i = 0; i < all.count; ++i) {
    if (kernels::can_run(*all.tables[i])) best = all.tables[i]->name;
  }
  EXPECT_EQ(kernels::choose_kernels().name, best);
}

TEST(InstructionSetTest, AnUnknownNameIsRefusedWithWhatIsAllowed) {
  for (const char* name : {"mmx", "AVX2", " avx2", "avx"}) {
    const Forced forced(name);
    for (const auto& [use, chosen] : kUses) {
      try {
        chosen();
        ADD_FAILURE() << use << " accepted " << name;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kUsage);
        EXPECT_THAT(error.what(), HasSubstr("; allowed are scalar, "));
        EXPECT_THAT(error.what(),
                    HasSubstr(" and " + std::string(to_string(instruction_sets().back()))));
      }
    }
  }
}

TEST(InstructionSetTest, ThoseOfAnotherArchitectureAreUnknownAndNeverRun) {
  const bool arm = instruction_sets().back() == InstructionSet::kNeonI8mm;
  const InstructionSet others[] = {arm ? InstructionSet::kAvx2 : InstructionSet::kNeon,
                                   arm ? InstructionSet::kAmx : InstructionSet::kNeonI8mm};
  for (const InstructionSet other : others) {
    EXPECT_FALSE(can_run(other)) << to_string(other);
    const Forced forced(std::string(to_string(other)).c_str());
    EXPECT_THROW(kernels::choose_kernels(), Error) << to_string(other);
  }
}

TEST(InstructionSetTest, EverySetOfThisArchitectureHasKernelsOfItsName) {
  const kernels::KernelList all = kernels::all_kernels();
  ASSERT_EQ(static_cast<std::size_t>(all.count), instruction_sets().size());
  for (int i = 0; i < all.count; ++i) {
    EXPECT_EQ(all.tables[i]->name, to_string(instruction_sets()[static_cast<std::size_t>(i)]));
  }
}

}  // namespace
}  // namespace medgen::base
