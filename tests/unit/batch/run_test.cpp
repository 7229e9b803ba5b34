// Whole batches on a fake model: order, memory, resuming after every kind of end, shards. Knows
// nothing of a real model or the command line.
#include "batch/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "batch/merge.h"
#include "medgen/error.h"
#include "unit/batch/job.h"

namespace medgen::batch {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string sorted(const std::string& text) {
  std::vector<std::string> lines = lines_of(text);
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class BatchRunTest : public ::testing::Test {
 protected:
  TestJob job(const std::string& output = "out.jsonl") {
    TestJob made;
    made.input = input_;
    made.output = folder_ / output;
    return made;
  }
  // What an uninterrupted run gives.
  std::string expected() {
    run_job(job("expected.jsonl"));
    return read_text(folder_ / "expected.jsonl");
  }

  TemporaryFolder folder_;
  std::filesystem::path input_ = folder_.write("in.jsonl", mixed_rows(120));
  std::filesystem::path long_and_short_ = folder_.write("long.jsonl", long_and_short_rows(17));
};

TEST_F(BatchRunTest, OneRecordARowInTheOrderOfTheInput) {
  const RunResult result = run_job(job());
  EXPECT_EQ(result.rows, 120U);
  EXPECT_EQ(result.ending, Ending::kComplete);
  const auto records = lines_of(read_text(folder_ / "out.jsonl"));
  ASSERT_EQ(records.size(), 120U);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Json json = Json::parse(records[i]);
    EXPECT_EQ(json["id"], i % 17 == 3 && i % 11 != 5 ? Json(i + 1) : Json("r" + std::to_string(i)));
    EXPECT_EQ(json.contains("error"), i % 11 == 5 || i % 17 == 3);
    if (!json.contains("error")) {
      EXPECT_EQ(json["completions"].size(), static_cast<std::size_t>(1 + i % 3));
    }
  }
}

TEST_F(BatchRunTest, SlotsWindowAndOrderChangeNoRecord) {
  const std::string whole = expected();
  for (const int slots : {1, 3, 9}) {
    TestJob other = job("slots.jsonl");
    other.slots = slots;
    other.window = static_cast<std::uint64_t>(slots);
    other.restart = true;
    run_job(other);
    EXPECT_EQ(read_text(other.output), whole) << slots;
  }
  TestJob unordered = job("unordered.jsonl");
  unordered.in_order = false;
  run_job(unordered);
  EXPECT_EQ(sorted(read_text(unordered.output)), sorted(whole));
}

// Companion: the comparison above would notice.
TEST_F(BatchRunTest, AnotherSeedOrIdGivesOtherRecords) {
  const std::string whole = expected();
  TestJob other = job();
  other.seed = 8;
  run_job(other);
  EXPECT_NE(read_text(other.output), whole);
  std::string rows = mixed_rows(120);
  rows.replace(rows.find("\"r0\""), 4, "\"q0\"");
  TestJob renamed = job("renamed.jsonl");
  renamed.input = folder_.write("renamed_in.jsonl", rows);
  run_job(renamed);
  EXPECT_NE(Json::parse(lines_of(read_text(renamed.output))[0])["completions"],
            Json::parse(lines_of(whole)[0])["completions"]);
}

TEST_F(BatchRunTest, ReversedInputGivesTheSameRecordsForRowsWithIds) {
  std::vector<std::string> rows = lines_of(mixed_rows(120));
  std::reverse(rows.begin(), rows.end());
  std::string text;
  for (const std::string& row : rows) text += row + "\n";
  TestJob reversed = job("reversed.jsonl");
  reversed.input = folder_.write("reversed_in.jsonl", text);
  run_job(reversed);
  const auto with_ids = [](const std::string& all) {
    std::string kept;
    for (const std::string& line : lines_of(all)) {
      if (line.starts_with("{\"id\":\"")) kept += line + "\n";
    }
    return sorted(kept);
  };
  EXPECT_EQ(with_ids(read_text(reversed.output)), with_ids(expected()));
}

TEST_F(BatchRunTest, ShardsMergeToTheWhole) {
  const std::string whole = expected();
  for (const std::uint64_t count : {2, 4, 7}) {
    std::vector<std::filesystem::path> outputs;
    for (std::uint64_t i = 1; i <= count; ++i) {
      TestJob part = job("part" + std::to_string(count) + "." + std::to_string(i) + ".jsonl");
      part.shard = {i, count};
      run_job(part);
      outputs.insert(outputs.begin(), part.output);
    }
    std::string merged;
    const Merged result = merge(outputs, [&](std::string_view bytes) { merged += bytes; });
    EXPECT_EQ(merged, whole) << count;
    EXPECT_EQ(result.state.rows, 120U);
    EXPECT_EQ(result.state.sha256,
              read_journal(journal_path(folder_ / "expected.jsonl")).committed.sha256);
  }
}

TEST_F(BatchRunTest, MergeNamesWhatIsMissingDoubleOrOther) {
  std::vector<std::filesystem::path> outputs;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    TestJob part = job("p" + std::to_string(i) + ".jsonl");
    part.shard = {i, 3};
    run_job(part);
    outputs.push_back(part.output);
  }
  TestJob other = job("other.jsonl");
  other.shard = {2, 3};
  other.seed = 99;
  run_job(other);
  std::string written;
  const auto refusal = [&](const std::vector<std::filesystem::path>& paths) -> std::string {
    try {
      merge(paths, [&](std::string_view bytes) { written += bytes; });
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(refusal({outputs[0], outputs[2]}), HasSubstr("1 of 3 shards are missing: 2"));
  EXPECT_THAT(refusal({outputs[0], outputs[1], outputs[1], outputs[2]}),
              HasSubstr("2 appears twice"));
  EXPECT_THAT(refusal({outputs[0], other.output, outputs[2]}), HasSubstr("settings.seed was 7"));
  EXPECT_THAT(refusal({outputs[0], folder_ / "none.jsonl"}), HasSubstr("does not exist"));
  EXPECT_THAT(refusal({outputs[0], input_}), HasSubstr("no journal"));
  std::ofstream(outputs[1], std::ios::app) << "x";
  EXPECT_THAT(refusal(outputs), HasSubstr("changed or cut"));
  EXPECT_EQ(written, "") << "nothing is written before everything is checked";
}

TEST_F(BatchRunTest, MergeNamesTheFirstRowOfAShardThatIsNotComplete) {
  std::atomic<bool> stop{false};
  TestJob part = job("p1.jsonl");
  part.shard = {1, 1};
  part.interrupted = &stop;
  part.watch = [&](const RecordWriter& writer) { stop = stop || writer.rows() >= 10; };
  ASSERT_EQ(run_job(part).ending, Ending::kInterrupted);
  try {
    merge({part.output}, [](std::string_view) {});
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    const auto rows = read_journal(journal_path(part.output)).committed.rows;
    EXPECT_THAT(error.what(), HasSubstr("from row " + std::to_string(rows + 1)));
  }
}

// The finished job does nothing when run again.
TEST_F(BatchRunTest, ACompleteJobIsLeftAlone) {
  run_job(job());
  const auto before = read_text(folder_ / "out.jsonl");
  EXPECT_EQ(run_job(job()).rows, 0U);
  EXPECT_EQ(read_text(folder_ / "out.jsonl"), before);
}

TEST_F(BatchRunTest, InterruptedJobsGoOnToTheSameBytes) {
  const std::string whole = expected();
  std::uint64_t runs = 0;
  for (RunResult result{Ending::kInterrupted}; result.ending == Ending::kInterrupted; ++runs) {
    ASSERT_LT(runs, 100U);
    std::atomic<bool> stop{false};
    TestJob part = job();
    part.window = 2;  // so little is begun that the rows cannot run past the one that stops them
    part.interrupted = &stop;
    const std::uint64_t enough = (runs + 1) * 13;
    part.watch = [&](const RecordWriter& writer) { stop = stop || writer.rows() >= enough; };
    result = run_job(part);
    if (result.ending == Ending::kInterrupted) {
      EXPECT_TRUE(whole.starts_with(read_text(part.output)));
    }
  }
  EXPECT_GT(runs, 3U);
  EXPECT_EQ(read_text(folder_ / "out.jsonl"), whole);
}

TEST_F(BatchRunTest, RowsFinishedAheadOfTheirTurnAreNotRepeated) {
  TestJob part = job();
  part.input = long_and_short_;
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);  // if the others never get there
    hold_up_first_row(part, 17);
    part.slots = 16;
    part.commit_interval = std::chrono::milliseconds(0);
    part.watch = [&](const RecordWriter&) {
      if (read_journal(journal_path(part.output)).ahead.size() == 15) ::kill(::getpid(), SIGKILL);
    };
    try {
      run_job(part);
    } catch (const std::exception& error) {
      ::fprintf(stderr, "%s\n", error.what());
    }
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_EQ(WTERMSIG(status), SIGKILL);
  const JournalContent found = read_journal(journal_path(part.output));
  EXPECT_EQ(found.committed.rows, 0U);
  EXPECT_EQ(found.ahead.size(), 15U);
  std::size_t made = 0;
  part.record = [&](const FinishedRow& row) {
    ++made;
    return test_record(row);
  };
  run_job(part);
  EXPECT_EQ(made, 2U) << "the first, and the last, which the window had no room for";
  EXPECT_EQ(lines_of(read_text(part.output)).size(), 17U);
}

TEST_F(BatchRunTest, ATornTailIsCutOff) {
  const std::string whole = expected();
  std::atomic<bool> stop{false};
  TestJob part = job();
  part.interrupted = &stop;
  part.watch = [&](const RecordWriter& writer) { stop = stop || writer.rows() >= 20; };
  ASSERT_EQ(run_job(part).ending, Ending::kInterrupted);
  std::ofstream(part.output, std::ios::app) << "{\"id\":\"r99\",\"com";
  std::ofstream(journal_path(part.output), std::ios::app) << "0123456789abcdef {\"comm";
  part.interrupted = nullptr;
  run_job(part);
  EXPECT_EQ(read_text(part.output), whole);
}

TEST_F(BatchRunTest, AnOutputThatWasChangedIsRefused) {
  std::atomic<bool> stop{false};
  TestJob part = job();
  part.interrupted = &stop;
  part.watch = [&](const RecordWriter& writer) { stop = stop || writer.rows() >= 20; };
  run_job(part);
  part.interrupted = nullptr;
  std::fstream(part.output, std::ios::in | std::ios::out).seekp(5).put('X');
  EXPECT_THROW(run_job(part), Error);
  std::filesystem::resize_file(part.output, 3);
  EXPECT_THROW(run_job(part), Error);
  part.restart = true;
  run_job(part);
  EXPECT_EQ(read_text(part.output), expected());
}

TEST_F(BatchRunTest, OtherSettingsOrInputAreRefusedWithWhatDiffers) {
  run_job(job());
  TestJob other = job();
  other.seed = 8;
  try {
    run_job(other);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("settings.seed was 7 and is now 8"));
  }
  folder_.write("in.jsonl", mixed_rows(121));
  EXPECT_THROW(run_job(job()), Error);
}

TEST_F(BatchRunTest, TwoAtOnceOnOneOutputAreRefused) {
  const OutputFile held(folder_ / "out.jsonl", false);
  try {
    run_job(job());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another medgen"));
  }
}

TEST_F(BatchRunTest, ARefusedJobLeavesNoFile) {
  TestJob part = job("new.jsonl");
  part.input = folder_ / "none.jsonl";
  EXPECT_THROW(run_job(part), Error);
  EXPECT_FALSE(std::filesystem::exists(part.output));
}

TEST_F(BatchRunTest, SomethingThatNoJournalExplainsIsRefused) {
  folder_.write("out.jsonl", "mine\n");
  EXPECT_THROW(run_job(job()), Error);
  EXPECT_EQ(read_text(folder_ / "out.jsonl"), "mine\n");
}

TEST_F(BatchRunTest, AnInputThatChangesWhileReadIsAnError) {
  // The fake model appends to, or cuts, the input once it runs.
  for (const bool shrink : {true, false}) {
    TestJob part = job(shrink ? "shrunk.jsonl" : "grown.jsonl");
    part.input = folder_.write("moving.jsonl", mixed_rows(2000));
    TestJob whole = job(shrink ? "whole.jsonl" : "whole2.jsonl");
    whole.input = part.input;
    run_job(whole);
    bool done = false;
    part.prepare = [&](auto& backend) {
      backend.before_step = [&] {
        if (std::exchange(done, true)) return;
        if (shrink) {
          std::filesystem::resize_file(part.input, std::filesystem::file_size(part.input) - 5000);
        } else {
          std::ofstream(part.input, std::ios::app) << mixed_rows(1);
        }
      };
    };
    try {
      run_job(part);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kRuntime);
      EXPECT_THAT(error.what(), HasSubstr("input changed"));
    }
    EXPECT_FALSE(read_journal(journal_path(part.output)).committed.done);
    EXPECT_GT(read_journal(journal_path(part.output)).committed.rows, 1000U)
        << "finished rows are kept";
    folder_.write("moving.jsonl", mixed_rows(2000));
    part.prepare = {};
    run_job(part);
    EXPECT_TRUE(read_text(part.output) == read_text(whole.output)) << "put back, it is continued";
  }
}

// While it lives a thread asks for a stack that no machine has.
class NoThreads {
 public:
  NoThreads() {
    ::pthread_getattr_default_np(&before_);
    pthread_attr_t huge = before_;
    ::pthread_attr_setstacksize(&huge, std::size_t{1} << 50U);
    ::pthread_setattr_default_np(&huge);
  }
  ~NoThreads() { ::pthread_setattr_default_np(&before_); }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;

 private:
  pthread_attr_t before_{};
};

TEST_F(BatchRunTest, AThreadThatCannotBeStartedIsAnErrorAndTheJobGoesOnLater) {
  const std::string whole = expected();
  try {
    const NoThreads no_threads;
    run_job(job());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kRuntime);
    EXPECT_THAT(error.what(), HasSubstr("cannot be started"));
  }
  run_job(job());
  EXPECT_EQ(read_text(folder_ / "out.jsonl"), whole);
}

TEST_F(BatchRunTest, AFullDiskKeepsWhatIsFinished) {
  const std::string whole = expected();
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{6000, 6000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      run_job(job());
    } catch (const Error& error) {
      ::_exit(std::string(error.what()).find("make room") != std::string::npos ? 9 : 1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 9);
  run_job(job());
  EXPECT_EQ(read_text(folder_ / "out.jsonl"), whole);
}

TEST_F(BatchRunTest, TooManyErrorsEndTheJobAndMoreAllowedOnesContinueIt) {
  TestJob part = job();
  part.max_errors = 3;
  EXPECT_EQ(run_job(part).ending, Ending::kTooManyErrors);
  part.max_errors.reset();
  EXPECT_EQ(run_job(part).ending, Ending::kComplete);
  EXPECT_EQ(read_text(part.output), expected());
}

TEST_F(BatchRunTest, ARowThatTheModelCannotDoIsAnErrorRecordAndTheOthersGoOn) {
  const auto broken = [](const medgen::testing::History& history) {
    std::vector<float> logits = medgen::testing::hashed_logits(257)(history);
    if (history[0] == 'c') logits[5] = std::nanf("");
    return logits;
  };
  TestJob part = job();
  part.logits = broken;
  run_job(part);
  int failed = 0;
  int done = 0;
  for (const std::string& line : lines_of(read_text(part.output))) {
    const Json json = Json::parse(line);
    if (!json.contains("error")) {
      EXPECT_NE(json["prompt"].get<std::string>().front(), 'c');
      ++done;
    } else if (json["error"]["code"] == "model_failure") {
      EXPECT_FALSE(json.contains("completions"));
      ++failed;
    }
  }
  // Rows 2, 28, 80 and 106.
  EXPECT_EQ(failed, 4);
  EXPECT_GT(done, 90);
}

TEST_F(BatchRunTest, MemoryHoldsAWindowOfRows) {
  for (const std::uint64_t window : {5, 9}) {
    TestJob part = job("window" + std::to_string(window) + ".jsonl");
    part.input = long_and_short_;
    part.window = window;
    part.slots = 16;
    std::atomic<std::uint64_t> made{0};
    part.record = [&](const FinishedRow& row) {
      ++made;
      return test_record(row);
    };
    hold_up_first_row(part, 17);
    std::uint64_t most = 0;
    part.watch = [&](const RecordWriter& writer) { most = std::max(most, made - writer.rows()); };
    run_job(part);
    EXPECT_EQ(most, window - 1);
  }
}

TEST_F(BatchRunTest, DoubleIdsAreErrorsEvenAcrossResumption) {
  TestJob part = job();
  part.input = folder_.write("double.jsonl", R"({"id":"a","prompt":"x"})"
                                             "\n"
                                             R"({"id":"b","prompt":"y"})"
                                             "\n"
                                             R"({"id":"a","prompt":"z"})"
                                             "\n");
  run_job(part);
  const auto records = lines_of(read_text(part.output));
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(Json::parse(records[2])["error"]["code"], "duplicate_id");
  EXPECT_FALSE(Json::parse(records[0]).contains("error"));
}

}  // namespace
}  // namespace medgen::batch
