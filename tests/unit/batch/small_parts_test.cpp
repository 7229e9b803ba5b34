// The set of ids, the running hash, retries: parts that are too small for files of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"
#include "batch/id_set.h"
#include "batch/output_file.h"
#include "batch/retry.h"
#include "medgen/error.h"
#include "unit/batch/job.h"

namespace medgen::batch {
namespace {

TEST(IdSetTest, TellsDoubleIdsAmongMany) {
  IdSet ids;
  for (int i = 0; i < 20000; ++i) EXPECT_TRUE(ids.insert("id" + std::to_string(i)));
  for (int i = 0; i < 20000; i += 97) EXPECT_FALSE(ids.insert("id" + std::to_string(i)));
  EXPECT_TRUE(ids.insert("other"));
}

TEST(RunningHashTest, EqualsTheHashOfTheWholeAtEveryPoint) {
  base::RunningHash hash;
  EXPECT_EQ(hash.hex(), base::sha256(""));
  hash.add("ab");
  EXPECT_EQ(hash.hex(), base::sha256("ab"));
  hash.add("c");
  EXPECT_EQ(hash.hex(), base::sha256("abc"));
}

TEST(RecordWriterTest, TheJournalOfAFinishedJobHoldsNoText) {
  const TemporaryFolder folder;
  const auto journal = [&] { return read_text(journal_path(folder / "out")); };
  const auto record = [](std::uint64_t place) {
    return Record{place, "hash", false, 1, "secret " + std::to_string(place) + "\n"};
  };
  OutputFile output(folder / "out", false);
  RecordWriter writer = output.begin(Json{{"name", "job"}}, {}, /*in_order=*/true);
  writer.put(record(1));
  writer.commit();
  EXPECT_THAT(journal(), ::testing::HasSubstr("secret 1")) << "it waits for its turn";
  writer.put(record(0));
  writer.finish();
  EXPECT_EQ(read_text(folder / "out"), "secret 0\nsecret 1\n");
  EXPECT_THAT(journal(), ::testing::Not(::testing::HasSubstr("secret")));
  EXPECT_TRUE(read_journal(journal_path(folder / "out")).committed.done);
  EXPECT_EQ(read_journal(journal_path(folder / "out")).committed.rows, 2U);
}

class OldOutputTest : public ::testing::Test {
 protected:
  BatchRow row(const std::string& id, const std::string& prompt) {
    BatchRow made;
    made.id = id;
    made.prompt = prompt;
    made.extras.push_back({"lang", "\"en\""});
    return made;
  }
  TemporaryFolder folder_;
};

TEST_F(OldOutputTest, KeepsWhatIsFineAndGivesBackWhatFailed) {
  const std::string good =
      R"({"id":"a","prompt":"x","lang":"en","completions":[{"num_tokens":3},{"num_tokens":4}]})";
  OldOutput old(
      folder_.write("o", good + "\n" + R"({"id":"b","error":{"code":"c"}})" + "\n" + good + "\n"));
  const auto kept = old.record_of(row("a", "x"));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->bytes, good + "\n");
  EXPECT_EQ(kept->tokens, 7U);
  EXPECT_FALSE(old.record_of(row("b", "mended")));
  EXPECT_THROW(old.record_of(row("a", "changed")), Error);
}

TEST_F(OldOutputTest, ATableIsKeptRecordByRecord) {
  records::TableColumns columns;
  columns.carried = {"lang"};
  records::TableRecord good{.id = "a", .prompt = "=x"};
  good.texts = {{.index = 0, .text = "one\nline", .num_tokens = 3}, {.index = 1, .text = "y"}};
  good.carried = {{"lang", "\"en\""}};
  records::TableRecord failed{.id = "b", .prompt = {}};
  failed.error = records::RecordError{"c", "d"};
  const std::string lines = records::table_lines(good, columns);
  const auto file = folder_.write("o", records::table_heading(columns) + lines +
                                           records::table_lines(failed, columns) + lines + lines);
  OldOutput old(file, columns);
  const auto kept = old.record_of(row("a", "=x"));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->bytes, lines);
  EXPECT_EQ(kept->tokens, 3U);
  EXPECT_FALSE(old.record_of(row("b", "mended")));
  EXPECT_THROW(old.record_of(row("a", "changed")), Error);
  BatchRow other = row("a", "=x");
  other.extras[0].json = "\"de\"";
  EXPECT_THROW(old.record_of(other), Error) << "what it carries counts, too";
}

TEST_F(OldOutputTest, RowsThatAreNotThereAreRefused) {
  OldOutput old(folder_.write("o", ""));
  EXPECT_THROW(old.record_of(row("a", "x")), Error);
}

TEST_F(OldOutputTest, RecordsOfANewerFormatAreRefused) {
  OldOutput old(folder_.write("o", R"({"id":"a","format":3,"prompt":"x","completions":[]})"
                                   "\n"));
  EXPECT_THROW(old.record_of(row("a", "x")), Error);
}

TEST_F(OldOutputTest, TakesTheOldOnesPlaceEvenInTwoSteps) {
  const auto out = folder_.write("o", "old\n");
  folder_.write("o.journal", "old journal");
  folder_.write("o.retry", "new\n");
  {
    Journal journal = Journal::create(journal_path(folder_ / "o.retry"), Json{{"a", 1}}, Json());
    Committed done;
    done.rows = 1;
    done.bytes = 4;
    done.sha256 = base::sha256("new\n");
    done.done = true;
    journal.commit({}, done);
  }
  // Interrupted between its two steps.
  std::filesystem::rename(folder_ / "o.retry.journal", folder_ / "o.journal");
  mend_retry(out);
  EXPECT_EQ(read_text(out), "new\n");
  mend_retry(out);
  EXPECT_EQ(folder_.entries(), 2);
}

TEST_F(OldOutputTest, ARetryIsContinuedOnlyIfItIsOfTheSameJob) {
  const auto out = folder_.write("o", "old\n");
  const Json job{{"a", 1}};
  const Json extra{{"retry_of", "x"}};
  open_retry(out, job, extra)->begin(job, extra, true);
  EXPECT_TRUE(open_retry(out, job, extra)->found());
  EXPECT_FALSE(open_retry(out, Json{{"a", 2}}, extra)->found());
  EXPECT_FALSE(open_retry(out, job, Json{{"retry_of", "y"}})->found());
}

}  // namespace
}  // namespace medgen::batch
