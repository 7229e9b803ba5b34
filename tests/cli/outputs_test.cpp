// What the commands print, byte for byte. Each case of fixtures/outputs/outputs.json runs a
// command and compares the SHA-256 of its standard output and of files that it writes with the
// ones recorded there. They are those of the default model, and the same for every instruction set
// and number of threads. Of standard error nothing is said: its wording may change.
//
// A command is {"arguments": [...], "stdin"?: text, "stdin_file"?: path, "status"?: 0 if left out}.
// A case is a command with {"name", "before"?: commands that run first, "sha256"}, and sha256 has a
// member "stdout" and one for each file, named as it is in {out}. In arguments and paths {model} is
// the default model, {in} is fixtures/outputs and {out} an empty folder of the case.
//
// Where an output is meant to change, or a case is new (with "" for the sums of its outputs):
//   MEDGEN_OUTPUTS_REWRITE=1 cli_tests --gtest_filter='*OutputsCliTest*'
// writes the sums that it finds into outputs.json, in one process and not through ctest. To see
// what has changed, keep what two builds print with MEDGEN_OUTPUTS_KEEP=FOLDER and compare the
// folders with diff -r.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Json = nlohmann::ordered_json;
using Texts = std::map<std::string, std::string>;  // by the name of the output

const fs::path kFolder = fs::path(MEDGEN_FIXTURES) / "outputs";
const fs::path kRecorded = kFolder / "outputs.json";

struct Case {
  Json json;
  std::string name() const { return json.at("name"); }
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.name(); }

std::vector<Case> recorded_cases() {
  std::vector<Case> cases;
  for (const Json& json : Json::parse(read(kRecorded))) cases.push_back({json});
  return cases;
}

Case recorded_case(const std::string& name) {
  for (const Case& one : recorded_cases()) {
    if (one.name() == name) return one;
  }
  throw std::runtime_error("no case " + name);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// Without the members "format": N and "format_version": N, N a whole number, of JSON objects that
// are in no other. Where they are the last ones of their object they stay.
std::string without_format(const std::string& text) {
  static const std::regex member(R"("format(_version)?":\s*[0-9]+,\s*)");
  std::string result;
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto here = text.begin() + static_cast<std::ptrdiff_t>(i);
    std::smatch match;
    if (c == '"' && !in_string && depth == 1 &&
        std::regex_search(here, text.end(), match, member,
                          std::regex_constants::match_continuous)) {
      i += static_cast<std::size_t>(match.length()) - 1;
      continue;
    }
    result += c;
    if (in_string && c == '\\' && i + 1 < text.size()) {
      result += text[++i];
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    }
  }
  return result;
}

// What is hashed: an output without what may be another in the next version or on another machine.
//  - medgen's version, in records and where "medgen" stands before it, is VERSION;
//  - JSON has no number of its format, see without_format();
//  - the folders of the model, of the inputs and of the outputs are MODEL, IN and OUT.
std::string normalised(std::string text, const fs::path& out) {
  static const std::regex version(
      R"re(("(?:medgen|medgen_version|tool_version)": ?"|\bmedgen )[0-9]+\.[0-9]+\.[0-9]+[-+.\w]*)re");
  replace_all(text, out.string(), "OUT");
  replace_all(text, MEDGEN_DEFAULT_MODEL, "MODEL");
  replace_all(text, kFolder.string(), "IN");
  if (text.starts_with('{')) text = without_format(text);
  return std::regex_replace(text, version, "$1VERSION");
}

RunResult run_command(const Json& command, const fs::path& out) {
  const auto filled = [&](std::string text) {
    replace_all(text, "{model}", MEDGEN_DEFAULT_MODEL);
    replace_all(text, "{in}", kFolder.string());
    replace_all(text, "{out}", out.string());
    return text;
  };
  std::vector<std::string> words;
  for (const Json& word : command.at("arguments")) words.push_back(filled(word));
  RunOptions options;
  options.input = command.value("stdin", "");
  options.input_path = filled(command.value("stdin_file", ""));
  RunResult result = run(words, options);
  EXPECT_EQ(result.status, command.value("status", 0)) << command.dump() << "\n" << result.err;
  return result;
}

// Runs a case. Its outputs, normalised; a file that was not written is left out.
Texts outputs_of(const Json& one) {
  const std::string name = one.at("name");
  const fs::path out = scratch() / "outputs" / name;
  fs::remove_all(out);
  fs::create_directories(out);
  for (const Json& command : one.value("before", Json::array())) run_command(command, out);
  const RunResult result = run_command(one, out);
  Texts texts;
  for (const auto& [output, sum] : one.at("sha256").items()) {
    if (output == "stdout") {
      texts[output] = normalised(result.out, out);
    } else if (fs::exists(out / output)) {
      texts[output] = normalised(read(out / output), out);
    }
  }
  fs::remove_all(out);
  return texts;
}

// What differs from the recorded sums, a line for each output.
std::vector<std::string> differences(const Json& recorded, const Texts& found) {
  std::vector<std::string> lines;
  for (const auto& [output, sum] : recorded.items()) {
    const auto text = found.find(output);
    if (text == found.end()) {
      lines.push_back(output + " was not written");
    } else if (const std::string now = base::sha256(text->second); now != sum) {
      lines.push_back(output);
      lines.back().append(" has changed: its SHA-256 was ").append(sum.get<std::string>());
      lines.back().append(" and is now ").append(now);
    }
  }
  return lines;
}

// Puts the sums of these outputs into outputs.json, which has a line for each case.
void record(const std::string& name, const Texts& found) {
  Json cases = Json::parse(read(kRecorded));
  std::string text;
  for (Json& one : cases) {
    if (one.at("name") == name) {
      for (const auto& [output, content] : found) one["sha256"][output] = base::sha256(content);
    }
    text += text.empty() ? "[\n" : ",\n";
    text += one.dump();
  }
  write(kRecorded, text + "\n]\n");
}

void keep(const fs::path& folder, const Texts& found) {
  for (const auto& [output, content] : found) {
    fs::create_directories((folder / output).parent_path());
    write(folder / output, content);
  }
}

bool no_default_model() { return !fs::exists(fs::path(MEDGEN_DEFAULT_MODEL) / "manifest.json"); }

class OutputsCliTest : public ::testing::TestWithParam<Case> {};

TEST_P(OutputsCliTest, AreAsRecorded) {
  if (no_default_model()) GTEST_SKIP() << "there is no default model";
  const Json& one = GetParam().json;
  const Texts found = outputs_of(one);
  if (const char* folder = std::getenv("MEDGEN_OUTPUTS_KEEP")) {
    keep(fs::path(folder) / GetParam().name(), found);
  }
  if (std::getenv("MEDGEN_OUTPUTS_REWRITE") != nullptr) {
    ASSERT_EQ(found.size(), one.at("sha256").size()) << "not all files were written";
    if (!HasFailure()) record(GetParam().name(), found);
    return;
  }
  EXPECT_THAT(differences(one.at("sha256"), found), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Recorded, OutputsCliTest, ::testing::ValuesIn(recorded_cases()),
                         [](const auto& tested) { return tested.param.name(); });

TEST(OutputsComparisonTest, CasesHaveNamesOfTheirOwnAndSumsOfAllOutputs) {
  std::set<std::string> names;
  for (const Case& one : recorded_cases()) {
    EXPECT_TRUE(names.insert(one.name()).second) << one.name();
    EXPECT_TRUE(one.json.at("sha256").contains("stdout")) << one.name();
    for (const auto& [output, sum] : one.json.at("sha256").items()) {
      EXPECT_THAT(sum.get<std::string>(), SizeIs(64)) << one.name() << " " << output;
    }
  }
}

TEST(OutputsComparisonTest, AChangedByteIsTold) {
  const Json recorded{{"stdout", base::sha256("a text\n")}, {"a.csv", base::sha256("1,2\n")}};
  EXPECT_THAT(differences(recorded, {{"stdout", "a text\n"}, {"a.csv", "1,2\n"}}), IsEmpty());
  EXPECT_THAT(differences(recorded, {{"stdout", "a text "}, {"a.csv", "1,2\n"}}),
              ElementsAre(HasSubstr("stdout has changed")));
  EXPECT_THAT(differences(recorded, {{"stdout", ""}, {"a.csv", "1,3\n"}}),
              ElementsAre(HasSubstr("stdout has changed"), HasSubstr("a.csv has changed")));
  EXPECT_THAT(differences(recorded, {{"stdout", "a text\n"}}),
              ElementsAre("a.csv was not written"));
}

TEST(OutputsComparisonTest, AnotherSeedIsTold) {
  if (no_default_model()) GTEST_SKIP() << "there is no default model";
  for (const char* name : {"GenerateText", "BatchRowsWithSettingsOfTheirOwn", "SweepGrid"}) {
    Json one = recorded_case(name).json;
    Json& words = one["arguments"];
    const auto seed = std::find(words.begin(), words.end(), "--seed");
    ASSERT_NE(seed, words.end()) << name;
    *(seed + 1) = "2";
    EXPECT_THAT(differences(one["sha256"], outputs_of(one)), ::testing::Not(IsEmpty())) << name;
  }
}

TEST(OutputsComparisonTest, OnlyVersionFormatAndFoldersAreNormalised) {
  const auto same = [](const std::string& text, const std::string& expected) {
    EXPECT_EQ(normalised(text, "/tmp/out"), expected);
  };
  same(R"({"id":1,"provenance":{"medgen":"0.1.0","seed":7}})",
       R"({"id":1,"provenance":{"medgen":"VERSION","seed":7}})");
  same("<dd>medgen 1.20.3-rc.1</dd>, top_p 0.1.0", "<dd>medgen VERSION</dd>, top_p 0.1.0");
  same("{\"format\":2,\"id\":1}\n{\"id\":2,\"format\":2,\"n\":3}\n",
       "{\"id\":1}\n{\"id\":2,\"n\":3}\n");
  same("{\n  \"format_version\": 1,\n  \"unit\": \"word\"\n}\n", "{\n  \"unit\": \"word\"\n}\n");
  for (const char* kept :
       {R"({"format":"csv","id":1})", R"({"a":{"format":1,"b":2}})", R"({"formats":1,"b":2})",
        R"({"text":"\"format\":1,","b":"\\"})", R"(prompt "format":1, and {)", "a 0.7 medgen b"}) {
    same(kept, kept);
  }
  same("/tmp/out/a.csv " MEDGEN_DEFAULT_MODEL "/model.pt", "OUT/a.csv MODEL/model.pt");
  same((kFolder / "rows.csv").string(), "IN/rows.csv");
}

}  // namespace
}  // namespace medgen::cli_tests
