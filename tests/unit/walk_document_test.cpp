// Holds the walks of CONTRIBUTING.md to the source: every function that is named is a name of its
// room, every return is marked, and the counts are right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "places.h"

namespace medgen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string content(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// All files of a room, one after the other.
std::string source_of_room(const std::string& room) {
  const std::filesystem::path folder = std::filesystem::path(MEDGEN_SOURCE_DIR) / "src" / room;
  std::string all;
  if (!std::filesystem::is_directory(folder)) return all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) all += content(entry.path());
  }
  return all;
}

// "Model::request", the first words in backticks, is "request".
std::string function_in(const std::string& cell) {
  const auto begin = cell.find('`');
  const auto end = cell.find('`', begin + 1);
  if (begin == cell.npos || end == cell.npos) return "";
  std::string name = cell.substr(begin + 1, end - begin - 1);
  if (const auto colons = name.rfind("::"); colons != name.npos) name.erase(0, colons + 2);
  return name;
}

std::string number_word(std::size_t number) {
  constexpr std::array kWords = {"no",  "one",   "two",   "three", "four", "five",
                                 "six", "seven", "eight", "nine",  "ten"};
  return number < kWords.size() ? kWords[number] : std::to_string(number);
}

std::string walk_section(const std::string& document) {
  const auto begin = document.find("\n## A walk through the rooms\n");
  if (begin == document.npos) return "";
  return document.substr(begin, document.find("\n## ", begin + 1) - begin);
}

struct Walk {
  std::set<std::string> rooms;
  std::size_t returns = 0;
};

// What is wrong with a section of walks. A walk begins with the heading of its table, and the
// sentence with its counts comes before the next.
std::vector<std::string> faults_of_walks(const std::string& section, std::size_t& walks) {
  std::vector<std::string> faults;
  std::string prose;
  Walk walk;
  const auto end_walk = [&] {
    if (walk.rooms.empty()) return;
    std::string counts =
        number_word(walk.rooms.size()) + " rooms, " + number_word(walk.returns) + " returns";
    counts.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(counts.front())));
    if (prose.find(counts) == prose.npos) faults.push_back("not said: " + counts);
    ++walks;
    walk = {};
  };
  std::istringstream lines(section);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| room |")) {
      end_walk();
      prose.clear();
      continue;
    }
    if (!line.starts_with("| ")) {
      prose += line + " ";
      continue;
    }
    const auto cell_end = line.find(" |");
    std::string room = line.substr(2, cell_end - 2);
    const auto mark = room.find(" ↩");
    const bool marked = mark != room.npos;
    room = room.substr(0, mark);
    const bool returns = !walk.rooms.insert(room).second;
    if (returns) ++walk.returns;
    if (returns != marked) faults.push_back("the mark is wrong: " + line);
    const std::string name = function_in(line.substr(cell_end + 2));
    if (name.empty() || source_of_room(room).find(name) == std::string::npos)
      faults.push_back("not in " + room + ": " + name);
  }
  end_walk();
  return faults;
}

TEST(WalkDocumentTest, TheWalksOfTheDocumentAreThoseOfTheSource) {
  const std::string document =
      content(std::filesystem::path(MEDGEN_SOURCE_DIR) / "CONTRIBUTING.md");
  std::size_t walks = 0;
  EXPECT_THAT(faults_of_walks(walk_section(document), walks), IsEmpty());
  EXPECT_EQ(walks, 3U) << "generate, batch, train";
}

TEST(WalkDocumentTest, WhatIsWrongInAWalkIsFound) {
  std::size_t walks = 0;
  EXPECT_THAT(faults_of_walks("| room | by | for |\n|---|---|---|\n"
                              "| text | `Tokenizer::encode` | x |\n"
                              "| engine | `Tokenizer::no_such_function` | x |\n"
                              "| text | `Tokenizer::encode` | x |\n\nTwo rooms, no returns.\n",
                              walks),
              ElementsAre(HasSubstr("not in engine: no_such_function"),
                          HasSubstr("the mark is wrong"), "not said: Two rooms, one returns"));
  EXPECT_EQ(walks, 1U);
}

}  // namespace
}  // namespace medgen
