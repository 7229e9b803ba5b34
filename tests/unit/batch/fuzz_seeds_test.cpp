// The fuzzers' entry points on their seeds and on every prefix of them.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/lines.h"
#include "fuzz/entry_points.h"
#include "fuzz/generated.h"
#include "places.h"
#include "temporary_folder.h"
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

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1000;
}

// Runs each line of a file of scripts/fuzz_keep; how many there were.
int run_kept(const std::filesystem::path& file,
             const std::function<void(const std::string&)>& run) {
  int inputs = 0;
  base::Lines lines(base::plain_file_blocks(file), base::Lines::kAnyLength);
  for (base::Line line; lines.next(line); ++inputs) {
    std::string data;
    for (std::size_t i = 0; i + 1 < line.text.size(); i += 2) {
      const int byte = 16 * digit(line.text[i]) + digit(line.text[i + 1]);
      EXPECT_TRUE(byte >= 0 && line.text.size() % 2 == 0) << file << " line " << line.number;
      data += static_cast<char>(byte);
    }
    run(data);
  }
  return inputs;
}

TEST(FuzzSeedsTest, EveryTargetTakesWhatFuzzingHasFound) {
  const auto folder = std::filesystem::path(MEDGEN_SOURCE_DIR) / "tests/fuzz/kept";
  for (const auto& [name, target] : targets()) {
    EXPECT_GT(run_kept(folder / name, target), 0) << name;
  }
}

TEST(FuzzSeedsTest, EveryTargetTakesInputsThatGrow) {
  for (const Growing& growing : growing_inputs()) {
    for (const std::size_t n : {0, 1, 70, 3000}) targets().at(growing.target)(growing.make(n));
  }
}

// Companion: what is kept is run.
TEST(FuzzSeedsTest, AKeptInputThatBreaksAPromiseIsCaught) {
  const TemporaryFolder folder;
  const auto file = folder.write("kept", "6869\n00ff\n");
  std::vector<std::string> seen;
  EXPECT_EQ(run_kept(file, [&](const std::string& data) { seen.push_back(data); }), 2);
  EXPECT_EQ(seen, (std::vector<std::string>{"hi", std::string("\0\xff", 2)}));
  EXPECT_DEATH(run_kept(file, [](const std::string& data) { require(data != "hi"); }), "");
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
