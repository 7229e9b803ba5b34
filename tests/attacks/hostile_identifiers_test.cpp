// Text made to hold up the search for identifiers: a line of 10 MB through the library, and the
// longest row through the program.
#include <gtest/gtest.h>

#include <chrono>

#include "cli/models.h"
#include "cli/process.h"
#include "safety/identifiers.h"

namespace medgen::attacks {
namespace {

constexpr std::size_t kLineBytes = 10'000'000;

// Far above what it takes, far below what a search would that is not linear.
constexpr std::chrono::seconds kPatience{100};

class HostileIdentifiersTest : public ::testing::TestWithParam<const char*> {};

TEST_P(HostileIdentifiersTest, ALineOfTenMegabytesIsSearchedInTime) {
  std::string text;
  while (text.size() < kLineBytes) text += GetParam();
  const auto begin = std::chrono::steady_clock::now();
  safety::find_identifiers(text);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
}

INSTANTIATE_TEST_SUITE_P(Lines, HostileIdentifiersTest,
                         ::testing::Values("1", "A", "MRN ", "1-", "A'A-"));

TEST(HostileRowTest, TheLongestRowIsSearchedByTheProgram) {
  const auto file = cli_tests::scratch() / "hostile-line.txt";
  cli_tests::write(file, std::string((std::size_t{4} << 20U) - 1, '1') + "\n");
  const cli_tests::RunResult result = cli_tests::run({"screen", file.string()});
  EXPECT_EQ(result.status, 0) << result.err;
}

}  // namespace
}  // namespace medgen::attacks
