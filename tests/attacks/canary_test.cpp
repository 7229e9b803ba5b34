// Where prompts and texts go: words that a test has put into them are in the outputs asked for, and
// in nothing else that the program leaves or shows.
// Knows which outputs of a command hold texts, not how they are written.
#include "attacks/canary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "cli/models.h"
#include "cli/process.h"
#include "needs_torch.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::Process;
using cli_tests::read;
using cli_tests::RunOptions;
using cli_tests::RunResult;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Words = std::vector<std::string>;

const std::string kPrompt = "My " + kCanary + " hurts";

Words joined(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

// Every folder that a program may write to by habit is in a tree of the test's own, and each run
// has a working folder of its own in it. Programs may leave a core of any size.
class CanaryTest : public ::testing::Test {
 protected:
  CanaryTest() {
    for (const char* name : {"home", "temporary", "in"}) fs::create_directory(tree_ / name);
    copy_model(tree_ / "model");
  }

  std::string in(const std::string& name, const std::string& content) const {
    return tree_.write("in/" + name, content).string();
  }
  std::string model() const { return (tree_ / "model").string(); }
  Words settings() const {
    return {"--model", model(), "--seed", "1", "-n", "2", "--max-new-tokens", "8"};
  }
  const fs::path& next_folder() {
    folder_ = tree_ / ("run-" + std::to_string(++runs_));
    fs::create_directory(folder_);
    before_ = files_below(tree_.path());
    return folder_;
  }

  // For Process, which makes a shell the same process as the program.
  Words command(const Words& words) const {
    const std::string script = "cd \"$1\" && ulimit -Sc hard && shift && exec \"$@\"";
    return joined({"-c", script, "shell", folder_.string(), MEDGEN_PROGRAM}, words);
  }
  RunOptions options(const std::string& input = {}) const {
    RunOptions made;
    made.program = "/bin/bash";
    made.input = input;
    made.environment = folders_of_habit(tree_.path());
    return made;
  }
  RunResult run(const Words& words, const std::string& input = {}) const {
    return cli_tests::run(command(words), options(input));
  }

  // `outputs`, named from the working folder, hold the canary, and nothing else that was written.
  void expect_only_in(const Words& outputs) const {
    std::vector<fs::path> files;
    for (const std::string& output : outputs) {
      files.push_back(folder_ / output);
      EXPECT_THAT(search_.forms_in(read(files.back())), Not(IsEmpty())) << output;
    }
    EXPECT_THAT(leaks(search_, tree_.path(), before_, files), IsEmpty());
  }

  struct Asked {
    Words words;
    Words outputs = {};       // those that hold texts
    bool shows_text = false;  // on standard output
    std::string input = {};   // on standard input
    int status = 0;
  };
  void expect_no_leak(const Asked& asked) {
    next_folder();
    SCOPED_TRACE(::testing::PrintToString(asked.words));
    const RunResult result =
        run(joined(asked.words, {"--verbose", "--log-file", "log"}), asked.input);
    EXPECT_EQ(result.status, asked.status) << result.err;
    EXPECT_THAT(search_.forms_in(result.err), IsEmpty()) << result.err;
    EXPECT_EQ(!search_.forms_in(result.out).empty(), asked.shows_text) << result.out;
    EXPECT_THAT(read(folder_ / "log"), HasSubstr("version ")) << "no log was looked into";
    expect_only_in(asked.outputs);
  }
  std::string output(const std::string& name) const { return (folder_ / name).string(); }

  TemporaryFolder tree_;
  CanarySearch search_{*load_tokenizer(MEDGEN_DEFAULT_MODEL)};
  fs::path folder_;
  FilesBelow before_;
  int runs_ = 0;
};

TEST_F(CanaryTest, WhatReadsOnePromptLeavesNothing) {
  const std::string file = in("prompt.txt", kPrompt + "\n");
  const Words negative = {"--negative-prompt", kCanary, "--guidance-scale", "1.5"};
  expect_no_leak({joined({"generate", kPrompt}, settings()), {}, true});
  const FilesBelow files = files_below(tree_ / "model");
  EXPECT_TRUE(std::any_of(files.begin(), files.end(), [](const auto& packed) {
    return packed.first.filename().string().starts_with("packed-");
  })) << "nothing was packed where this looks";
  expect_no_leak({joined({"generate", "--prompt-file", file}, settings()), {}, true});
  expect_no_leak({joined({"generate", "--json"}, settings()), {}, true, kPrompt});
  expect_no_leak(
      {joined(joined({"generate", "--json", "I cough"}, negative), settings()), {}, true});
  expect_no_leak(
      {{"generate", "--model", model(), "--prompt-file", in("long.txt", repeated(kPrompt, 60))},
       {},
       false,
       "",
       2});
  expect_no_leak({joined({"generate"}, settings()), {}, false, kPrompt + " \xff", 2});
  expect_no_leak({{"explain", "--model", model(), "--prompt-file", file, "--json"}, {}, true});
  expect_no_leak({joined({"agree", "--prompt-file", file}, settings())});  // not repeated
  expect_no_leak({joined({"agree", "--json", "--prompt-file", file}, settings()), {}, true});
  expect_no_leak({{"tokenize", "--tokenizer", model(), "--json"}, {}, true, kPrompt});
  expect_no_leak({{"tokenize", "--tokenizer", model(), "--jsonl"},
                  {},
                  true,
                  "{\"text\":\"" + kPrompt + "\"}\n"});
}

TEST_F(CanaryTest, WhatReadsFilesOfPromptsWritesThemToItsOutputs) {
  const std::string row = "{\"prompt\":\"" + kPrompt + "\"}\n";
  const std::string lines = in("rows.jsonl", repeated(row, 3));
  const std::string csv = in("rows.csv", "prompt\n" + kPrompt + "\n" + kPrompt + "\n");
  const std::string text = in("rows.txt", kPrompt + "\n" + kPrompt + "\n");
  // Not JSON, of a wrong type, out of range, too long.
  const std::string bad =
      in("bad.jsonl", row + kPrompt + "\n{\"prompt\":[\"" + kPrompt + "\"]}\n{\"prompt\":\"" +
                          kPrompt + "\",\"settings\":{\"top_p\":7}}\n{\"prompt\":\"" +
                          repeated(kPrompt, 60) + "\"}\n");
  const auto batch = [&](const Words& more) { return joined(joined({"batch"}, more), settings()); };
  expect_no_leak({batch({text, "-o", "out.jsonl", "--stats", "stats.json"}), {"out.jsonl"}});
  expect_no_leak({batch({csv, "-o", "out.csv", "--format", "csv"}), {"out.csv"}});
  expect_no_leak({batch({lines, "-o", "out.txt", "--format", "txt", "--unordered"}), {"out.txt"}});
  expect_no_leak({batch({"-", "--input-format", "jsonl", "-o", "-"}), {}, true, row + row});
  expect_no_leak({batch({bad, "-o", "out.jsonl"}), {"out.jsonl"}, false, "", 4});
  expect_no_leak({batch({bad, "--check"}), {}, false, "", 4});

  expect_no_leak({batch({lines, "-o", "1.jsonl", "--shard", "1/2"}), {"1.jsonl"}});
  const std::string first = output("1.jsonl");
  expect_no_leak({batch({lines, "-o", "2.jsonl", "--shard", "2/2"}), {"2.jsonl"}});
  expect_no_leak({{"merge", first, output("2.jsonl"), "-o", "all.jsonl"}, {"all.jsonl"}});
  const std::string all = output("all.jsonl");
  expect_no_leak({{"export", all, "-o", "all.csv"}, {"all.csv"}});
  expect_no_leak({{"reproduce", "--model", model(), all}});

  expect_no_leak(
      {joined({"sweep", lines, "-o", "sweep", "--grid", "top_k=5,0", "--rating-pack", "2"},
              settings()),
       {"sweep/samples.jsonl", "sweep/report.html", "sweep/rating_pack.csv"}});
  expect_no_leak({{"metrics", output("sweep/samples.jsonl"), "--model", model(), "--resamples",
                   "50", "--csv", "metrics.csv", "--report", "report.html"},
                  {"report.html"}});
  expect_no_leak({{"screen", lines}});
  expect_no_leak({{"screen", lines, "--json"}});
  expect_no_leak({{"screen", lines, "--mask", "-o", "masked.jsonl"}, {"masked.jsonl"}});
}

TEST_F(CanaryTest, WhatReadsTextsToLearnFromLeavesThemInShardsReportAndVocabulary) {
  const std::string texts = in("texts.jsonl", documents(kCanary) + kPrompt + "\n" +
                                                  repeated("{\"text\":\"" + kPrompt + "\"}\n", 2));
  const std::string choices =
      in("choices.jsonl",
         "{\"prompt\":\"" + kPrompt + "\",\"choices\":[\"" + kCanary + "\",\"b\"],\"answer\":1}\n");
  expect_no_leak({{"eval", "--model", model(), "--data", texts, "--limit", "5"}});
  expect_no_leak({{"eval", "--model", model(), "--choices", choices, "--json"}});
  const Words prepare = {"prepare", "--data",           texts, "--tokenizer", model(), "--output",
                         "shards",  "--valid-fraction", "0.2"};
  const Words shards = {"shards/000-train.tokens", "shards/000-valid.tokens"};
  expect_no_leak({prepare, joined(shards, {"shards/prepare.json"})});  // which quotes duplicates
  expect_no_leak({joined(prepare, {"--examples", "0"}), shards});
  const std::string prepared = output("shards");
  expect_no_leak({{"index", prepared, "index"}, {"index/suffixes.bin"}});
  const std::string index = output("index");
  expect_no_leak({{"index", "--check", index}});
  expect_no_leak({{"trace", "--index", index, "I cough"}});
  expect_no_leak({{"trace", "--index", index, "--html", "page.html", kPrompt}, {"page.html"}});
  const std::string others = in("others.jsonl", documents("fever"));
  expect_no_leak({{"audit", model(), "--index", index, "--held-out", others, "--prefix-tokens", "4",
                   "--max-new-tokens", "4", "--least-tokens", "4", "--documents", "5"}});
  expect_no_leak({{"train-tokenizer", "--data", texts, "--output", "vocabulary", "--vocab-size",
                   "600", "--type", "bpe"},
                  {"vocabulary/tokenizer.model"}});
}

TEST_F(CanaryTest, TrainingLeavesTheTextsOfItsCheckpointAlone) {
  MEDGEN_NEEDS_TORCH();
  expect_no_leak({{"train",
                   "--data",
                   in("texts.jsonl", documents(kCanary)),
                   "--tokenizer",
                   model(),
                   "--work-dir",
                   "work",
                   "--output",
                   "trained",
                   "--n-layer",
                   "1",
                   "--n-head",
                   "2",
                   "--n-embd",
                   "32",
                   "--n-positions",
                   "16",
                   "--batch-windows",
                   "4",
                   "--micro-batch-windows",
                   "4",
                   "--tokens",
                   "640",
                   "--warmup-tokens",
                   "64",
                   "--threads",
                   "1",
                   "--checkpoint-every-steps",
                   "3"},
                  {"work/checkpoint.pt"}});
  EXPECT_THAT(search_.forms_in(read(folder_ / "work/checkpoint.pt")), Not(Contains("text")));
  EXPECT_TRUE(fs::exists(folder_ / "trained/model.pt"));
}

// A row of many tokens holds back short ones, which wait in the journal.
TEST_F(CanaryTest, TheJournalOfAKilledBatchHoldsWhatWaitsUntilTheJobIsComplete) {
  const std::string rows =
      "{\"prompt\":\"I "
      "feel\",\"settings\":{\"n\":8,\"max_new_tokens\":1000,\"ignore_eos\":true}}\n" +
      repeated("{\"prompt\":\"" + kPrompt + "\",\"settings\":{\"n\":1,\"max_new_tokens\":60}}\n",
               34);
  const Words words = {"batch",     "-",       "--input-format", "jsonl",  "-o",
                       "out.jsonl", "--model", model(),          "--seed", "1",
                       "--slots",   "10",      "--threads",      "1"};
  next_folder();
  const fs::path journal = folder_ / "out.jsonl.journal";
  {
    RunOptions unending = options(rows);
    unending.input_stays_open = true;  // it gets no further than these rows
    Process process(command(words), unending);
    EXPECT_TRUE(process.wait_until([&] { return !search_.forms_in(read(journal)).empty(); }));
    EXPECT_THAT(search_.forms_in(process.command_line()), IsEmpty());
    process.signal(SIGKILL);
    const RunResult killed = process.wait();
    EXPECT_EQ(killed.status, 128 + SIGKILL) << killed.err;
    EXPECT_THAT(search_.forms_in(killed.err), IsEmpty());
  }
  EXPECT_THAT(leaks(search_, tree_.path(), before_, {journal}), IsEmpty());
  EXPECT_THAT(search_.forms_in(read(journal)), Contains("text"));
  const RunResult last = run(words, rows);
  EXPECT_EQ(last.status, 0) << last.err;
  EXPECT_THAT(search_.forms_in(last.err), IsEmpty());
  expect_only_in({"out.jsonl"});
}

TEST_F(CanaryTest, ANegativePromptIsInNoJournalAndNoMessage) {
  const auto words = [&](const Words& more) {
    return joined(joined({"batch", in("rows.jsonl", "{\"prompt\":\"I feel\"}\n"), "-o", "out.jsonl",
                          "--guidance-scale", "1.5"},
                         settings()),
                  more);
  };
  std::string ids;
  for (const TokenId id : load_tokenizer(model())->encode(kCanary))
    ids += (ids.empty() ? "[" : ",") + std::to_string(id);
  for (const Words& negative :
       {Words{"--negative-prompt", kCanary}, Words{"--negative-prompt-ids", ids + "]"}}) {
    SCOPED_TRACE(negative.front());
    expect_no_leak({words(negative), {"out.jsonl"}});  // where the record says what was asked
    const RunResult again = run(words(negative));
    EXPECT_EQ(again.status, 0) << again.err;
    const RunResult other = run(words(
        {negative.front(), negative.front() == "--negative-prompt" ? "other " + kCanary : "[5]"}));
    EXPECT_EQ(other.status, 2);
    EXPECT_THAT(other.err, HasSubstr("settings.negative_prompt"));
    EXPECT_THAT(search_.forms_in(other.err), IsEmpty()) << other.err;
    expect_only_in({"out.jsonl"});
  }
}

TEST_F(CanaryTest, ARunningGenerateShowsNothingAndLeavesNoCore) {
  const char* sandbox = std::getenv("MEDGEN_SANDBOX");
  if (sandbox != nullptr && std::string(sandbox) == "off") GTEST_SKIP() << "the sandbox is off";
  const std::string file = in("prompt.txt", kPrompt);
  const Words words = {"generate", "--model", model(), "-n", "4096", "--ignore-eos", "--verbose"};
  for (const bool by_file : {true, false}) {
    next_folder();
    Process process(command(by_file ? joined(words, {"--prompt-file", file}) : words),
                    options(by_file ? "" : kPrompt));
    ASSERT_TRUE(process.wait_for_error("debug: back end opened"));
    ASSERT_TRUE(process.wait_for_work(20));
    EXPECT_THAT(process.command_line(), HasSubstr("--ignore-eos"));
    EXPECT_THAT(search_.forms_in(process.command_line()), IsEmpty());
    process.signal(SIGABRT);
    const RunResult result = process.wait();
    EXPECT_EQ(result.status, 128 + SIGABRT) << result.err;
    EXPECT_THAT(search_.forms_in(result.err), IsEmpty());
    EXPECT_THAT(files_below(folder_), IsEmpty()) << "a core was left";
    expect_only_in({});
  }
}

// Companion: other programs' cores are found where that looks.
TEST_F(CanaryTest, TheCoreOfAnotherProgramIsFound) {
  const std::string script = "cd \"$1\" && ulimit -Sc hard && kill -ABRT $$";
  cli_tests::run({"-c", script, "shell", next_folder().string()}, options());
  std::ifstream pattern("/proc/sys/kernel/core_pattern");
  rlimit cores{};
  ::getrlimit(RLIMIT_CORE, &cores);
  if (std::string where; !(pattern >> where) || !where.starts_with("core") || cores.rlim_max == 0) {
    GTEST_SKIP() << "this machine leaves no core in the working folder";
  }
  EXPECT_THAT(files_below(folder_), Not(IsEmpty()));
}

TEST_F(CanaryTest, APromptGivenAsAnArgumentIsOverwrittenThere) {
  next_folder();
  Process process(
      command({"generate", "--model", model(), "-n", "4096", "--ignore-eos", "--verbose",
               "--negative-prompt=" + kCanary, "--guidance-scale", "1.5", kPrompt}),
      options());
  ASSERT_TRUE(process.wait_for_error("debug: back end opened"));
  EXPECT_THAT(process.command_line(), HasSubstr("--negative-prompt="));
  EXPECT_THAT(search_.forms_in(process.command_line()), IsEmpty());
  process.signal(SIGKILL);
  process.wait();
}

// Companion: the argument of another program is seen there.
TEST_F(CanaryTest, AnArgumentOfAnotherProgramIsSeen) {
  next_folder();
  RunOptions unending = options("");
  unending.input_stays_open = true;
  Process process({"-c", "echo ready; read line", "shell", kPrompt}, unending);
  ASSERT_TRUE(process.wait_for_output("ready"));
  EXPECT_THAT(search_.forms_in(process.command_line()), Contains("text"));
  process.signal(SIGKILL);
  process.wait();
}

// Companions of the search.
class CanarySearchTest : public ::testing::Test {
 protected:
  std::string ids_as(const std::string& between) const {
    std::string list;
    for (const TokenId id : ids_) list += (list.empty() ? "" : between) + std::to_string(id);
    return list;
  }
  template <typename Integer>
  std::string ids_in() const {
    const std::vector<Integer> wide(ids_.begin(), ids_.end());
    return {reinterpret_cast<const char*>(wide.data()), wide.size() * sizeof(Integer)};
  }

  std::unique_ptr<Tokenizer> tokenizer_ = load_tokenizer(MEDGEN_DEFAULT_MODEL);
  std::vector<TokenId> ids_ = tokenizer_->encode("(\"" + kPrompt + "-" + kCanary + "\").");
  CanarySearch search_{*tokenizer_};
};

TEST_F(CanarySearchTest, FindsEveryFormInTheMiddleOfOtherThings) {
  const std::pair<std::string, std::string> planted[] = {
      {"text", kPrompt},
      {"text", "My Zebraquartz"},  // what is left of a prompt, in other letters
      {"ids of 16 bits", ids_in<std::uint16_t>()},
      {"ids of 32 bits", ids_in<std::int32_t>()},
      {"ids of 64 bits", ids_in<std::int64_t>()},
      {"ids as decimals", "[" + ids_as(",") + "]"},
      {"ids as decimals", "[\n  " + ids_as(",\n  ") + "\n]"},
      {"ids as decimals", ids_as(", ")},
      {"ids as decimals", ids_as(" ")},
  };
  for (const auto& [form, bytes] : planted) {
    EXPECT_EQ(search_.forms_in(bytes), Words{form}) << form;
    EXPECT_EQ(search_.forms_in("\1" + repeated("other\n", 1000) + bytes + " more"), Words{form});
  }
  EXPECT_THAT(search_.forms_in("My knee hurts [" + std::to_string(ids_[3]) + "]"), IsEmpty());
}

TEST_F(CanarySearchTest, TellsFilesThatAreNewOrChangedAndNoOutputs) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "in");
  folder.write("in/prompts", kPrompt);
  folder.write("changed", "nothing");
  const FilesBelow before = files_below(folder.path());
  EXPECT_THAT(leaks(search_, folder.path(), before, {}), IsEmpty());
  folder.write("changed", "nothing but " + kPrompt);
  folder.write(".hidden", ids_in<std::uint16_t>());
  folder.write("asked", kPrompt);
  folder.write("walrusfjord", "");
  EXPECT_THAT(leaks(search_, folder.path(), before, {folder / "asked"}),
              ::testing::UnorderedElementsAre("changed: text", ".hidden: ids of 16 bits",
                                              "walrusfjord: name, text"));
}

}  // namespace
}  // namespace medgen::attacks
