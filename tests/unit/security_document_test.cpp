// docs/SECURITY.md names the test that holds each of its sentences: the tests are there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "places.h"

namespace medgen {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end;
       ++match) {
    found.push_back((*match)[1].str() + (match->size() > 2 ? "." + (*match)[2].str() : ""));
  }
  return found;
}

std::set<std::string> tests_in(const std::string& source) {
  const auto found = matches(source, R"(TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  return {found.begin(), found.end()};
}

std::vector<std::string> tests_named(const std::string& document) {
  return matches(document, "`(\\w+Test\\.\\w+)`");
}

std::vector<std::string> missing(const std::string& document, const std::set<std::string>& tests) {
  std::vector<std::string> names;
  for (const std::string& name : tests_named(document)) {
    if (!tests.contains(name)) names.push_back(name);
  }
  return names;
}

TEST(SecurityDocumentTest, NamesOnlyTestsThatAreThere) {
  std::set<std::string> tests;
  for (const auto& entry : fs::recursive_directory_iterator(MEDGEN_SOURCE_DIR "/tests")) {
    if (entry.path().extension() == ".cpp") tests.merge(tests_in(text_of(entry.path())));
  }
  const std::string document = text_of(MEDGEN_SOURCE_DIR "/docs/SECURITY.md");
  EXPECT_GE(tests_named(document).size(), 20U);
  EXPECT_THAT(missing(document, tests), ::testing::IsEmpty());
}

TEST(SecurityDocumentTest, AMissingTestIsNoticed) {
  EXPECT_EQ(
      missing("It holds [`SomeTest.Is`, `SomeTest.IsNot`].", tests_in("TEST_F(SomeTest, Is) {")),
      std::vector<std::string>{"SomeTest.IsNot"});
}

}  // namespace
}  // namespace medgen
