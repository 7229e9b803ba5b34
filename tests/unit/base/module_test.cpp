// What is said when a module cannot be loaded. That the real ones load is seen wherever they are
// used.
#include "base/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "medgen/error.h"

namespace medgen::base {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string refusal(const char* name, const char* entry) {
  try {
    load_module(name, entry);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRuntime);
    return error.what();
  }
  ADD_FAILURE() << "it was loaded";
  return "";
}

TEST(ModuleTest, AMissingModuleIsNamedWithEveryPlaceThatWasTried) {
  const std::string said = refusal("libmedgen_none.so", "medgen_none");
  EXPECT_THAT(said, AllOf(HasSubstr("medgen's module libmedgen_none.so cannot be loaded"),
                          HasSubstr("build or install medgen again"),
                          HasSubstr("/medgen/libmedgen_none.so")));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 3) << said;
}

TEST(ModuleTest, AModuleWithoutTheEntryIsNotTakenForIt) {
  EXPECT_THAT(refusal("libmedgen_sentencepiece.so", "medgen_no_such_entry"),
              HasSubstr("medgen_no_such_entry"));
}

TEST(ModuleTest, AModuleIsLoadedOnce) {
  const char* const entry = "medgen_sentencepiece_functions";
  void* const first = load_module("libmedgen_sentencepiece.so", entry);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(load_module("libmedgen_sentencepiece.so", entry), first);
}

}  // namespace
}  // namespace medgen::base
