// `medgen prepare` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"

namespace medgen::cli_tests {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string> command(const std::string& name, const std::vector<std::string>& more) {
  std::vector<std::string> words = {"prepare", "--tokenizer", checkpoint_tokenizer().string(),
                                    "--output", (scratch() / name).string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string file(const std::string& name, const std::string& content) {
  write(scratch() / name, content);
  return (scratch() / name).string();
}

const std::string kLines =
    "{\"source\": \"S\", \"text\": \"one small document\"}\n"
    "{\"source\": \"S\", \"text\": \"one small document\"}\n"
    "broken\n"
    "{\"source\": \"T\", \"text\": \"another <b>one</b>\"}\n";

TEST(PrepareCliTest, WritesShardsAndSaysWhatWentIn) {
  const std::string input = file("prepare-in.jsonl", kLines);
  const RunResult result =
      run(command("prepare-out", {"--data", input, "--valid-fraction", "0", "--weight", "T=9",
                                  "--weight", "T=2.5", "--json"}));
  ASSERT_EQ(result.status, 0) << result.err;
  const auto report = nlohmann::json::parse(result.out);
  EXPECT_EQ(report["totals"]["documents_in"], 3);
  EXPECT_EQ(report["totals"]["exact_duplicates"], 1);
  EXPECT_EQ(report["totals"]["bad_records"], 1);
  EXPECT_EQ(report["cleaned"]["html_tags"], 2);
  EXPECT_EQ(report["sources"][1]["weight"], 2.5);
  EXPECT_EQ(result.out, read(scratch() / "prepare-out" / "prepare.json"));
  EXPECT_THAT(result.err, HasSubstr("skipped " + input + ":3: it is not JSON"));
  EXPECT_TRUE(fs::exists(scratch() / "prepare-out" / "000-train.tokens"));
}

TEST(PrepareCliTest, ThePlainReportIsATable) {
  const std::string input = file("prepare-table.jsonl", kLines);
  const RunResult result =
      run(command("prepare-table", {"--data", input, "--valid-fraction", "0"}));
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("dropped   1 equal, 0 nearly equal"));
}

TEST(PrepareCliTest, RefusesBadInput) {
  const std::string input = file("prepare-bad.jsonl", kLines);
  const struct {
    std::vector<std::string> options;
    int status;
    const char* says;
  } cases[] = {
      {{}, 2, "no corpus"},
      {{"--data", input, "--weight", "U=2"}, 2, "there is no such source"},
      {{"--data", input, "--valid-fraction", "0.7"}, 2, "0 to 0.5"},
      {{"--data", input, "--near-duplicates", "0.3"}, 2, "0.7 to 1"},
      {{"--data", input, "--template", "no field"}, 2, "names no field"},
      {{"--data", "none.jsonl"}, 2, "there is no file"},
      {{"--data", file("prepare-empty.jsonl", "\n")}, 1, "no text is left"},
  };
  for (const auto& bad : cases) {
    const RunResult result = run(command("prepare-refused", bad.options));
    EXPECT_EQ(result.status, bad.status) << result.err;
    EXPECT_THAT(result.err, HasSubstr(bad.says));
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(scratch() / "prepare-refused"));
  }
}

TEST(PrepareCliTest, KilledItLeavesNothingUnderTheName) {
  std::string text;
  for (int i = 0; i < 60'000; ++i) {
    text += "{\"text\": \"document number " + std::to_string(i * 7919) + " of many\"}\n";
  }
  const std::string input = file("prepare-kill.jsonl", text);
  // The hidden folder that is being filled, and the files in it.
  const auto begun = [](std::size_t files) {
    for (const auto& entry : fs::directory_iterator(scratch())) {
      if (!entry.path().filename().string().starts_with(".prepare-kill.new-")) continue;
      const auto inside = fs::directory_iterator(entry.path());
      if (std::distance(inside, {}) >= static_cast<std::ptrdiff_t>(files)) return true;
    }
    return false;
  };
  for (const std::size_t files : {0, 1}) {
    Process process(command("prepare-kill", {"--data", input}), {});
    EXPECT_TRUE(process.wait_until([&] { return begun(files); }));
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait().status, 128 + SIGKILL);
    EXPECT_FALSE(fs::exists(scratch() / "prepare-kill"));
    for (const auto& entry : fs::directory_iterator(scratch())) {
      if (entry.path().filename().string().starts_with(".prepare-kill")) {
        fs::remove_all(entry.path());
      }
    }
  }
}

}  // namespace
}  // namespace medgen::cli_tests
