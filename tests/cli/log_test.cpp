// --verbose, --log-file and --log-format: what they tell, and that no prompt and no output is in
// it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words generate(const Words& more) {
  return joined({"generate", "--model", MEDGEN_DEFAULT_MODEL, "--seed", "1", "-n", "1",
                 "--max-new-tokens", "12"},
                joined(more, {"My knee hurts"}));
}

TEST(LogCliTest, VerboseSaysWhatTheEngineDoes) {
  const RunResult usual = run(generate({}));
  const RunResult verbose = run(generate({"--verbose"}));
  EXPECT_EQ(verbose.status, 0) << verbose.err;
  EXPECT_EQ(verbose.out, usual.out);
  EXPECT_THAT(usual.err, Not(HasSubstr("debug")));
  for (const char* part : {"debug: model opened: folder ", "debug: instruction set: is ",
                           "debug: precision: is int8", "debug: native engine: threads ", "slots ",
                           "page bytes ", "debug: back end opened: ", "load 0.",
                           "debug: warm-up: steps 1", "debug: decode: steps ", "most pages "}) {
    EXPECT_THAT(verbose.err, HasSubstr(part));
  }
  EXPECT_THAT(verbose.err, ::testing::AnyOf(HasSubstr("debug: packed weights were found: file "),
                                            HasSubstr("debug: the weights were packed: file ")));
  EXPECT_THAT(run(generate({}), {.environment = {{"MEDGEN_LOG", "debug"}}}).err,
              HasSubstr("debug: decode: steps "));
  EXPECT_EQ(run(generate({}), {.environment = {{"MEDGEN_LOG", "info"}}}).err, usual.err);
}

TEST(LogCliTest, ReasonsAreThoseOfTheRun) {
  const std::string usual = run(generate({"--verbose"})).err;
  EXPECT_THAT(usual, HasSubstr("why the best that this processor has"));
  EXPECT_THAT(usual, HasSubstr("why the fastest that was found faithful to this model"));
  const std::string forced = run(generate({"--verbose", "--precision", "fp32"}),
                                 {.environment = {{"MEDGEN_ISA", "scalar"}}})
                                 .err;
  EXPECT_THAT(forced, HasSubstr("instruction set: is scalar, why MEDGEN_ISA names it"));
  EXPECT_THAT(forced, HasSubstr("precision: is fp32, why it was asked for"));
}

TEST(LogCliTest, AnUnknownLevelIsRefusedByName) {
  const RunResult result = run(generate({}), {.environment = {{"MEDGEN_LOG", "loud"}}});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              HasSubstr("MEDGEN_LOG is a text of 4 characters; allowed are info and debug"));
}

TEST(LogCliTest, QuietKeepsDebugFromStandardErrorButNotFromTheFile) {
  const TemporaryFolder folder;
  const std::string log = folder / "log";
  const RunResult result =
      run(generate({"--quiet", "--log-file", log}), {.environment = {{"MEDGEN_LOG", "debug"}}});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, run(generate({"--quiet"})).err);
  EXPECT_THAT(read(log), HasSubstr("debug: decode: steps "));
  const RunResult both = run(generate({"--quiet", "--verbose"}));
  EXPECT_EQ(both.status, 2);
  EXPECT_THAT(both.err, HasSubstr("cannot be combined"));
}

TEST(LogCliTest, AModelsFolderAndStandardErrorTakeNoLog) {
  const TemporaryFolder folder;
  fs::copy(MEDGEN_DEFAULT_MODEL, folder / "model", fs::copy_options::recursive);
  for (const char* name : {"model/log", "model/deeper/log", "model/config.json"}) {
    const std::string log = folder / name;
    const RunResult result =
        run({"inspect", (folder / "model").string(), "--log-file", log, "--quiet"});
    EXPECT_EQ(result.status, 2) << name;
    EXPECT_THAT(result.err, HasSubstr("in the model's folder")) << name;
  }
  EXPECT_EQ(read(folder / "model/config.json"),
            read(fs::path(MEDGEN_DEFAULT_MODEL) / "config.json"));
  EXPECT_FALSE(fs::exists(folder / "model/log"));
  const RunResult dash = run(generate({"--log-file", "-"}));
  EXPECT_EQ(dash.status, 2);
  EXPECT_THAT(dash.err, HasSubstr("standard error has the messages anyway"));
}

TEST(LogCliTest, JsonIsAnObjectALineAlsoForErrors) {
  for (const Words& words : {generate({"--verbose", "--log-format", "json"}),
                             generate({"--log-format", "json", "--no-such-option"}),
                             generate({"--log-format", "json", "--top-p", "7"}),
                             Words{"inspect", "none", "--log-format", "json"}}) {
    const RunResult result = run(words);
    EXPECT_THAT(result.err, Not(IsEmpty()));
    for (const std::string& line : lines_of(result.err)) {
      const Json json = Json::parse(line, nullptr, false);
      ASSERT_TRUE(json.is_object()) << line;
      for (const char* key : {"time", "level", "message", "fields"}) {
        EXPECT_TRUE(json.contains(key)) << line;
      }
    }
  }
}

TEST(LogCliTest, AFileThatCannotBeWrittenIsRefusedBeforeAnythingRuns) {
  const TemporaryFolder folder;
  const RunResult result = run(generate({"--log-file", folder / "none/log"}));
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("none/log"), HasSubstr("No such file or directory")));
}

TEST(LogCliTest, AFileKeepsTheErrorOfARunThatFails) {
  const TemporaryFolder folder;
  const std::string log = folder / "log";
  EXPECT_EQ(run(generate({"--log-file", log, "--top-p", "7"})).status, 2);
  EXPECT_THAT(read(log), HasSubstr("Z medgen: error: "));
}

TEST(LogCliTest, ACommandLineThatIsOnlyReadMakesNoFile) {
  const TemporaryFolder folder;
  run(generate({"--log-file", folder / "log"}), {.environment = {{"MEDGEN_PARSE_ONLY", "1"}}});
  EXPECT_FALSE(fs::exists(folder / "log"));
}

// Those of `secrets` that `text` holds.
Words leaks(const std::string& text, const Words& secrets) {
  Words found;
  for (const std::string& secret : secrets) {
    if (!secret.empty() && text.find(secret) != std::string::npos) found.push_back(secret);
  }
  return found;
}

// Every text that a model made, in any record among the lines of `output`.
Words texts_of(const std::string& output) {
  Words texts;
  for (const std::string& line : lines_of(output)) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("completions")) continue;
    for (const Json& completion : json["completions"]) texts.push_back(completion.at("text"));
  }
  return texts;
}

// Companion.
TEST(LogCliTest, LeaksAreNoticed) {
  EXPECT_EQ(leaks("debug: the prompt is zebraquartz", {"zebra", "knee"}), Words{"zebra"});
  EXPECT_THAT(leaks("debug: decode: steps 3", {"zebra", ""}), IsEmpty());
  EXPECT_EQ(texts_of("{\"completions\":[{\"text\":\"a\"},{\"text\":\"b\"}]}\nnone\n"),
            (Words{"a", "b"}));
}

// Runs every command with everything told, on prompts with a word that no message has.
TEST(LogCliTest, NoPromptAndNoOutputIsTold) {
  const TemporaryFolder folder;
  const std::string prompt = "My zebraquartz hurts when I";
  const std::string model = MEDGEN_DEFAULT_MODEL;
  std::string rows;
  for (int i = 0; i < 4; ++i) {
    rows += "{\"prompt\":\"" + prompt + "\",\"text\":\" walk, says the zebraquartz number " +
            std::to_string(i) + "\"}\n";
  }
  rows += "{\"prompt\":\"" + prompt + "\",\"settings\":{\"top_p\":7}}\n";  // a bad one
  const std::string input = folder.write("rows.jsonl", rows);
  std::string corpus;
  for (unsigned i = 0; i < 600; ++i) {
    corpus += "{\"text\":\"zebraquartz";
    for (unsigned n = i * 7919; n > 0; n /= 26) {  // words enough for a vocabulary
      corpus += std::string(" w") + static_cast<char>('a' + n % 26) +
                static_cast<char>('a' + n / 7 % 26) + static_cast<char>('a' + n / 3 % 26);
    }
    corpus += "\"}\n";
  }
  const std::string data = folder.write("corpus.jsonl", corpus);
  const auto at = [&](const char* name) { return (folder / name).string(); };
  const Words settings = {"--model", model, "--seed", "7", "-n", "2", "--max-new-tokens", "12"};
  const struct {
    Words words;
    std::optional<int> status = 0;  // none where it depends on libtorch being there
  } cases[] = {
      {joined({"generate", "--json", prompt}, settings)},
      {joined({"generate", "--num-beams", "3", "--truncate-prompt", prompt}, settings)},
      {joined({prompt}, settings)},
      {joined({"batch", input, "-o", at("1.jsonl"), "--shard", "1/2"}, settings), 4},
      {joined({"batch", input, "-o", at("2.jsonl"), "--shard", "2/2"}, settings)},
      {{"merge", at("1.jsonl"), at("2.jsonl"), "-o", at("all.jsonl")}, 4},
      {joined({"sweep", input, "-o", at("sweep"), "--grid", "top_k=5,0"}, settings), 4},
      {{"metrics", at("sweep/samples.jsonl"), "--resamples", "50", "--model", model}},
      {{"explain", "--model", model, prompt}},
      {{"lens", "--model", model, "--attention", "all", "--html", at("lens.html"), prompt}},
      {{"tokenize", "--tokenizer", model, prompt}},
      {{"export", at("all.jsonl"), "-o", at("all.csv")}},
      {{"reproduce", "--model", model, at("all.jsonl")}},
      {{"inspect", model}},
      {{"eval", "--model", model, "--data", data, "--limit", "5"}},
      {{"prepare", "--data", data, "--tokenizer", model, "--output", at("shards")}},
      {{"train-tokenizer", "--data", data, "--output", at("tokenizer"), "--vocab-size", "512"}},
      {{"bench", "--sequences", "1", "--new-tokens", "4", "--prefill-tokens", "8", "--repeats",
        "1"}},
      {{"verify", model}, std::nullopt},
      {{"convert", at("none"), at("converted")}, std::nullopt},
      {{"train", "--from", model, "--data", data, "--work-dir", at("work"), "--output",
        at("trained"), "--steps", "1"},
       std::nullopt},
  };
  Words secrets = {"zebra", "quartz", prompt};
  std::string told;
  for (const auto& one : cases) {
    const std::string log = at("log");
    fs::remove(log);
    const RunResult result = run(joined(one.words, {"--verbose", "--log-file", log}));
    if (one.status) {
      EXPECT_EQ(result.status, *one.status) << one.words.front() << "\n" << result.err;
    }
    secrets = joined(secrets, texts_of(result.out));
    for (const char* name : {"1.jsonl", "2.jsonl"}) {
      if (fs::exists(folder / name)) secrets = joined(secrets, texts_of(read(folder / name)));
    }
    EXPECT_THAT(read(log), HasSubstr("version ")) << one.words.front();
    told += result.err + read(log);
    EXPECT_THAT(leaks(result.err, secrets), IsEmpty()) << one.words.front();
    EXPECT_THAT(leaks(read(log), secrets), IsEmpty()) << one.words.front();
  }
  EXPECT_GT(secrets.size(), 10U) << "no output was looked for";
  EXPECT_THAT(told, HasSubstr("debug: search: time "));
}

}  // namespace
}  // namespace medgen::cli_tests
