// Messages of the library name settings, not options of the program: those are for cli to put in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include "places.h"

namespace medgen {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Options of medgen in the texts between quotes; comments may name them.
std::vector<std::string> options_in_texts(const std::string& source) {
  static const std::regex kComment("//[^\n]*"), kText(R"RE("(?:[^"\\\n]|\\.)*")RE"),
      kOption("--[a-z][a-z-]*");
  const std::string code = std::regex_replace(source, kComment, "");
  std::vector<std::string> found;
  for (std::sregex_iterator text(code.begin(), code.end(), kText), end; text != end; ++text) {
    const std::string words = text->str();
    for (std::sregex_iterator option(words.begin(), words.end(), kOption); option != end; ++option)
      found.push_back(option->str());
  }
  return found;
}

// Help, which only the program's users read; an option of scripts/run; what the measures of a
// report mean.
bool is_exempt(const std::filesystem::path& file) {
  return file.filename() == "settings_table.cpp" || file.filename() == "torch_module.cpp" ||
         file.filename() == "metrics_output.cpp";
}

TEST(MessageWordsTest, LibraryNamesNoOptionsOfTheProgram) {
  for (const char* room : {"base", "engine", "native", "records", "batch", "safety", "wiring",
                           "jobs", "corpus", "train", "torchscript", "research", "report"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             std::filesystem::path(MEDGEN_SOURCE_DIR) / "src" / room)) {
      if (!entry.is_regular_file() || is_exempt(entry.path())) continue;
      std::ifstream file(entry.path());
      const std::string source{std::istreambuf_iterator<char>(file), {}};
      EXPECT_THAT(options_in_texts(source), IsEmpty()) << entry.path();
    }
  }
}

TEST(MessageWordsTest, AnOptionInATextIsFoundAndInACommentIsNot) {
  EXPECT_THAT(options_in_texts("refuse(\"give --top-k, or \\\"--seed\\\"\");  // not --json"),
              ElementsAre("--top-k", "--seed"));
  EXPECT_THAT(options_in_texts("--count; refuse(\"set `top_k`\"); i--;"), IsEmpty());
}

}  // namespace
}  // namespace medgen
