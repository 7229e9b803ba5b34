// The fuzzers' entry points on their seeds and on every prefix of them.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/entry_points.h"
#include "places.h"
#include "unit/batch/job.h"

namespace medgen::fuzz {
namespace {

TEST(FuzzSeedsTest, EveryTargetTakesItsSeedsAndTheirBeginnings) {
  for (const auto& [name, target] : targets()) {
    int seeds = 0;
    const auto folder = std::filesystem::path(MEDGEN_SOURCE_DIR) / "tests/fuzz/seeds" / name;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string data = batch::read_text(entry.path());
      for (std::size_t size = 0; size <= data.size(); ++size) target(data.substr(0, size));
      ++seeds;
    }
    EXPECT_GT(seeds, 0) << name;
  }
}

// Companion: the checks can fail.
TEST(FuzzSeedsTest, ARowThatBreaksThePromiseIsCaught) {
  batch::BatchRow row;
  row.id = 1;
  row.prompt = "fine";
  check_row(row);
  row.prompt = "not \xFF fine";
  EXPECT_DEATH(check_row(row), "");
}

}  // namespace
}  // namespace medgen::fuzz
