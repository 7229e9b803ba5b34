// Every call by which a batch writes its output and journal goes wrong once: the job goes on to the
// same bytes. Knows nothing of a real model or the command line.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sha256.h"
#include "batch/merge.h"
#include "batch/retry.h"
#include "medgen/error.h"
#include "unit/base/faulty_file_system.h"
#include "unit/batch/job.h"

namespace medgen::batch {
namespace {

using base::Fault;
using base::FaultyFileSystem;
using ::testing::HasSubstr;

// Does `work` in a process of its own, on `files`. True if it was killed.
template <typename Work>
bool killed(base::FileSystem& files, const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    base::replace_file_system(&files);
    try {
      work();
      ::_exit(0);
    } catch (const std::exception& error) {
      ::fprintf(stderr, "%s\n", error.what());
      ::_exit(1);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

class KillPointsTest : public ::testing::Test {
 protected:
  // One row after another, each committed on its own: every run makes the same calls.
  TestJob job() const {
    TestJob made;
    made.input = folder_ / "in.jsonl";
    made.output = folder_ / "out.jsonl";
    made.slots = 1;
    made.window = 1;
    made.commit_interval = std::chrono::milliseconds(0);
    return made;
  }
  // Rows that overtake the first are kept in the journal until their turn.
  TestJob job_with_rows_ahead() const {
    TestJob made = job();
    made.input = folder_ / "long.jsonl";
    made.slots = 6;
    made.window = 6;
    return made;
  }
  void start_afresh() const {
    std::filesystem::remove(folder_ / "out.jsonl");
    std::filesystem::remove(journal_path(folder_ / "out.jsonl"));
  }
  std::string expected(TestJob of) const {
    of.output = folder_ / "expected.jsonl";
    of.restart = true;
    run_job(of);
    return read_text(of.output);
  }

  // Kills the job at its first call, then again from the start at its second, until it ends
  // undisturbed. Returns how many kills there were.
  int kill_everywhere(const TestJob& part, Fault fault) const {
    const std::string whole = expected(part);
    TestJob disturbed = part;
    if (part.window > 1) hold_up_first_row(disturbed, 9);
    int at = 1;
    for (;; ++at) {
      start_afresh();
      FaultyFileSystem files(fault, at);
      if (!killed(files, [&] { run_job(disturbed); })) break;
      run_job(part);
      EXPECT_EQ(read_text(part.output), whole) << "killed at call " << at;
      if (::testing::Test::HasFailure()) break;
    }
    EXPECT_EQ(read_text(part.output), whole) << "not killed";
    return at - 1;
  }

  TemporaryFolder folder_;
  std::filesystem::path input_ = folder_.write("in.jsonl", mixed_rows(8));
  std::filesystem::path long_input_ = folder_.write("long.jsonl", long_and_short_rows(9));
};

// Of each of the 8 rows and of the end the output and the journal are written and flushed.
constexpr int kCallsOfCommits = (8 + 1) * 4 - 2;

TEST_F(KillPointsTest, KilledAtAnyCallAJobGoesOnToTheSameBytes) {
  EXPECT_GT(kill_everywhere(job(), Fault::kKill), kCallsOfCommits);
}

TEST_F(KillPointsTest, APowerCutAtAnyCallLosesOnlyWhatIsMadeAgain) {
  EXPECT_GT(kill_everywhere(job(), Fault::kPowerCut), kCallsOfCommits);
}

TEST_F(KillPointsTest, KilledAtAnyCallRowsAheadOfTheirTurnAreKeptOrMadeAgain) {
  EXPECT_GT(kill_everywhere(job_with_rows_ahead(), Fault::kPowerCut), 10);
}

TEST_F(KillPointsTest, KilledEachTimeOneCallLaterAJobStillEnds) {
  for (const TestJob& part : {job(), job_with_rows_ahead()}) {
    const std::string whole = expected(part);
    start_afresh();
    int at = 1;
    for (; at < 500; ++at) {
      FaultyFileSystem files(Fault::kKill, at);
      if (!killed(files, [&] { run_job(part); })) break;
    }
    EXPECT_LT(at, 500);
    EXPECT_GT(at, 5) << "continuing writes too";
    EXPECT_EQ(read_text(part.output), whole);
  }
}

TEST_F(KillPointsTest, WhateverCallFailsTheJobSaysSoAndGoesOnToTheSameBytes) {
  const TestJob part = job();
  const std::string whole = expected(part);
  for (int at = 1;; ++at) {
    start_afresh();
    FaultyFileSystem files(Fault::kFullDisk, at);
    std::string message;
    {
      const base::Replaced replaced(files);
      try {
        run_job(part);
      } catch (const Error& error) {
        message = error.what();
      }
    }
    if (!files.struck()) {
      EXPECT_GT(at, kCallsOfCommits);
      break;
    }
    EXPECT_THAT(message, HasSubstr("No space left on device")) << "call " << at;
    run_job(part);
    EXPECT_EQ(read_text(part.output), whole) << "call " << at;
    ASSERT_FALSE(HasFailure());
  }
}

// Takes one byte at a time, and is interrupted before each.
class HesitantFileSystem : public base::FileSystem {
 public:
  ssize_t write(int descriptor, const void* bytes, std::size_t size) override {
    interrupted_ = !interrupted_;
    if (interrupted_) {
      errno = EINTR;
      return -1;
    }
    return FileSystem::write(descriptor, bytes, std::min<std::size_t>(size, 1));
  }

 private:
  bool interrupted_ = false;
};

TEST_F(KillPointsTest, WritesThatTakeAByteOrAreInterruptedAreFinished) {
  const std::string whole = expected(job());
  HesitantFileSystem files;
  const base::Replaced replaced(files);
  run_job(job());
  EXPECT_EQ(read_text(job().output), whole);
}

TEST_F(KillPointsTest, KilledAtAnyCallARetryHasReplacedTheOutputOrNot) {
  TestJob retry = job();
  retry.seed = 8;
  retry.output = retry_path(job().output);
  int at = 1;
  for (bool done = false; !done; ++at) {
    start_afresh();
    std::filesystem::remove(retry.output);
    std::filesystem::remove(journal_path(retry.output));
    run_job(job());
    run_job(retry);
    FaultyFileSystem files(Fault::kKill, at);
    done = !killed(files, [&] { replace_by_retry(job().output); });
    mend_retry(job().output);
    const JournalContent journal = read_journal(journal_path(job().output));
    EXPECT_EQ(base::sha256_of_file(job().output), journal.committed.sha256) << "call " << at;
    EXPECT_EQ(journal.job["settings"]["seed"], at == 1 ? 7 : 8) << "call " << at;
  }
  EXPECT_EQ(at, 6) << "two renames, each flushed";
}

// The shards of a job, and what merging them is to give.
class MergeKillPointsTest : public KillPointsTest {
 protected:
  MergeKillPointsTest() {
    for (const std::uint64_t i : {1, 2}) {
      TestJob shard = job();
      shard.output = folder_ / ("part" + std::to_string(i) + ".jsonl");
      shard.shard = {i, 2};
      run_job(shard);
      shards_.push_back(shard.output);
    }
    clear();
  }
  void clear() const {
    start_afresh();
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.path().filename().string().find(".new-") != std::string::npos)
        std::filesystem::remove(entry);
    }
  }
  void expect_whole(int at) const {
    const JournalContent journal = read_journal(journal_path(output_));
    EXPECT_TRUE(journal.committed.done) << "call " << at;
    EXPECT_EQ(base::sha256_of_file(output_), journal.committed.sha256) << "call " << at;
    EXPECT_EQ(read_text(output_), whole_) << "call " << at;
  }

  std::vector<std::filesystem::path> shards_;
  std::filesystem::path output_ = folder_ / "out.jsonl";
  std::string whole_ = expected(job());
};

// The output written, flushed and renamed; its journal opened, written, flushed, renamed, and its
// folder flushed.
constexpr int kCallsOfAMerge = 9;

TEST_F(MergeKillPointsTest, WhateverCallFailsTheMergeSaysSoAndLeavesNothingAside) {
  const int before = folder_.entries();
  for (int at = 1;; ++at) {
    clear();
    FaultyFileSystem files(Fault::kFullDisk, at);
    std::string message;
    {
      const base::Replaced replaced(files);
      try {
        merge_to_file(shards_, output_);
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kRuntime);
        message = error.what();
      }
    }
    if (!files.struck()) {
      expect_whole(at);
      EXPECT_GE(at, kCallsOfAMerge);
      break;
    }
    EXPECT_THAT(message, HasSubstr("No space left on device")) << "call " << at;
    EXPECT_LE(folder_.entries(), before + 2) << "call " << at;
    if (std::filesystem::exists(output_)) {
      EXPECT_EQ(read_text(output_), whole_) << "call " << at;
    }
    merge_to_file(shards_, output_);
    expect_whole(at);
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(MergeKillPointsTest, KilledAtAnyCallAMergeLeavesTheWholeOutputOrNone) {
  int at = 1;
  for (bool done = false; !done; ++at) {
    clear();
    FaultyFileSystem files(Fault::kPowerCut, at);
    done = !killed(files, [&] { merge_to_file(shards_, output_); });
    if (std::filesystem::exists(output_)) {
      EXPECT_EQ(read_text(output_), whole_) << "call " << at;
    }
    merge_to_file(shards_, output_);
    expect_whole(at);
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_GE(at, kCallsOfAMerge);
}

// Companion: what is written under its own name is there in part.
TEST_F(MergeKillPointsTest, AMergeThatIsNotWrittenAsideIsSeenInPart) {
  FaultyFileSystem files(Fault::kKill, 2);
  EXPECT_TRUE(killed(files, [&] {
    const int direct = base::file_system().open(output_.c_str(), O_WRONLY | O_CREAT, 0666);
    merge_to_descriptor(shards_, direct, "");
  }));
  EXPECT_NE(read_text(output_), whole_);
}

// Claims to flush what is not the journal, and does not.
class ForgetfulFileSystem : public FaultyFileSystem {
 public:
  using FaultyFileSystem::FaultyFileSystem;
  int open(const char* path, int flags, mode_t mode) override {
    const int descriptor = FaultyFileSystem::open(path, flags, mode);
    if (std::string_view(path).ends_with("out.jsonl")) output_ = descriptor;
    return descriptor;
  }
  int fdatasync(int descriptor) override {
    return descriptor == output_ ? 0 : FaultyFileSystem::fdatasync(descriptor);
  }

 private:
  int output_ = -1;
};

// Companion: a journal that says more than the output holds is noticed, not repaired.
TEST_F(KillPointsTest, APowerCutThatLosesFlushedBytesIsRefused) {
  int refused = 0;
  for (int at = 1;; ++at) {
    start_afresh();
    ForgetfulFileSystem files(Fault::kPowerCut, at);
    if (!killed(files, [&] { run_job(job()); })) break;
    try {
      run_job(job());
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("is not what its journal says was written"));
      ++refused;
    }
  }
  EXPECT_GT(refused, 8);
}

}  // namespace
}  // namespace medgen::batch
