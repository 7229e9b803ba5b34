// docs/MODELS.md lists what medgen does with each key of a generation_config.json, and those of a
// tokenizer_config.json that change nothing: the same keys as the tables in the source.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "engine/generation_config.h"
#include "places.h"
#include "text/tokenizer_settings.h"

namespace medgen {
namespace {

using Keys = std::map<std::string, std::set<std::string>>;  // by heading

constexpr const char* kHonoured = "### Honoured";
constexpr const char* kNothing = "### Changes nothing";
constexpr const char* kNamed = "### Named on standard error";

// The words in backticks of the first cells of the tables below each heading.
Keys keys_in_document(const std::string& document) {
  Keys keys;
  std::istringstream lines(document);
  std::string heading;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) heading = line;
    if (!line.starts_with("| `")) continue;
    const std::string cell = line.substr(0, line.find('|', 1));
    for (std::size_t at = cell.find('`'); at != cell.npos;) {
      const std::size_t end = cell.find('`', at + 1);
      keys[heading].insert(cell.substr(at + 1, end - at - 1));
      at = cell.find('`', end + 1);
    }
  }
  return keys;
}

Keys keys_in_source() {
  Keys keys;
  for (const engine::GenerationKey& key : engine::generation_keys()) {
    const char* heading = key.use == engine::KeyUse::kSetting   ? kHonoured
                          : key.use == engine::KeyUse::kNothing ? kNothing
                                                                : kNamed;
    keys[heading].insert(std::string(key.name));
  }
  return keys;
}

// From a heading on, up to the next of its level.
std::string section(const std::string& document, const std::string& heading) {
  const std::size_t begin = document.find("\n" + heading + "\n");
  if (begin == document.npos) return "";
  const std::string level = heading.substr(0, heading.find(' ') + 1);
  return document.substr(begin, document.find("\n" + level, begin + 1) - begin);
}

std::string models_document() {
  std::ifstream file(MEDGEN_SOURCE_DIR "/docs/MODELS.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

// The keys of the rows whose second cell begins with `use`.
std::set<std::string> keys_of_use(const std::string& text, const std::string& use) {
  std::string rows = "#\n";
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t cell = line.find(" | ");
    if (cell != line.npos && line.compare(cell + 3, use.size(), use) == 0) rows += line + "\n";
  }
  return keys_in_document(rows)["#"];
}

TEST(ModelsDocumentTest, ListsTheKeysOfTheSourceAndNoOthers) {
  EXPECT_EQ(keys_in_document(section(models_document(), "## Generation defaults")),
            keys_in_source());
}

TEST(ModelsDocumentTest, ListsTheKeysOfATokenizerConfigThatChangeNothing) {
  const auto keys = text::keys_without_effect();
  EXPECT_EQ(keys_of_use(section(models_document(), "### tokenizer_config.json"), "change nothing"),
            std::set<std::string>(keys.begin(), keys.end()));
}

TEST(ModelsDocumentTest, AKeyThatIsMissingOrElsewhereIsNoticed) {
  const std::string document =
      "\n## Generation defaults\n### Honoured\n| `a`, `b` | x `c` |\n"
      "### Changes nothing\n| `d` | |\n## Next\n| `e` | |\n";
  EXPECT_EQ(keys_in_document(section(document, "## Generation defaults")),
            (Keys{{kHonoured, {"a", "b"}}, {kNothing, {"d"}}}));
  EXPECT_EQ(section("## Others\n", "## Generation defaults"), "");
  EXPECT_EQ(keys_of_use("| `a` | honoured |\n| `b`, `c` | change nothing: |\n", "change nothing"),
            (std::set<std::string>{"b", "c"}));
}

}  // namespace
}  // namespace medgen
