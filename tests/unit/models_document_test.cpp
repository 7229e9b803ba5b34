// docs/MODELS.md lists what medgen does with each key of a generation_config.json: the same keys as
// the table in the source, under the same heading.
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

std::string section(const std::string& document) {
  const std::size_t begin = document.find("\n## Generation defaults\n");
  if (begin == document.npos) return "";
  return document.substr(begin, document.find("\n## ", begin + 1) - begin);
}

TEST(ModelsDocumentTest, ListsTheKeysOfTheSourceAndNoOthers) {
  std::ifstream file(MEDGEN_SOURCE_DIR "/docs/MODELS.md");
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(keys_in_document(section(document)), keys_in_source());
}

TEST(ModelsDocumentTest, AKeyThatIsMissingOrElsewhereIsNoticed) {
  const std::string document =
      "\n## Generation defaults\n### Honoured\n| `a`, `b` | x `c` |\n"
      "### Changes nothing\n| `d` | |\n## Next\n| `e` | |\n";
  EXPECT_EQ(keys_in_document(section(document)),
            (Keys{{kHonoured, {"a", "b"}}, {kNothing, {"d"}}}));
  EXPECT_EQ(section("## Others\n"), "");
}

}  // namespace
}  // namespace medgen
