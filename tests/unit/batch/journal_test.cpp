// The journal: what is written is read again, torn and damaged ends are left out, other files are
// refused.
#include "batch/journal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"
#include "medgen/error.h"
#include "unit/batch/job.h"

namespace medgen::batch {
namespace {

using ::testing::ElementsAre;

Committed committed(std::uint64_t rows) {
  Committed c;
  c.rows = rows;
  c.bytes = rows * 10;
  c.sha256 = "abc";
  c.last_place = rows - 1;
  c.last_hash = "h";
  return c;
}

Record record(std::uint64_t place) { return {place, "hash", false, 3, "{\"id\":\"\\u00e9\"}\n"}; }

class JournalTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "x.journal";
  Json job_ = Json{{"a", 1}, {"b", Json{{"c", "d"}}}};
};

TEST_F(JournalTest, GivesBackWhatWasWritten) {
  {
    Journal journal = Journal::create(path_, job_, Json());
    const Record a = record(5);
    const Record b = record(7);
    journal.commit({&a}, committed(2));
    journal.commit({&b}, committed(6));
    EXPECT_EQ(journal.bytes(), std::filesystem::file_size(path_));
  }
  const JournalContent content = read_journal(path_);
  EXPECT_EQ(content.job, job_);
  EXPECT_EQ(content.committed.rows, 6U);
  ASSERT_EQ(content.ahead.size(), 1U) << "row 5 is in the output by now";
  EXPECT_EQ(content.ahead.at(7).bytes, record(7).bytes);
  Journal::resume(path_, content);
  EXPECT_EQ(read_journal(path_).ahead.at(7).input_hash, "hash");
  EXPECT_EQ(read_journal(path_).committed.bytes, 60U);
}

TEST_F(JournalTest, EveryTornEndLeavesWhatWasCommittedBefore) {
  {
    Journal journal = Journal::create(path_, job_, Json());
    journal.commit({}, committed(2));
    const Record a = record(5);
    journal.commit({&a}, committed(4));
  }
  const std::string whole = read_text(path_);
  const std::size_t header = whole.find('\n') + 1;
  const std::size_t first = whole.find('\n', header) + 1;
  for (std::size_t size = header; size < whole.size(); ++size) {
    folder_.write("x.journal", whole.substr(0, size));
    const JournalContent content = read_journal(path_);
    EXPECT_EQ(content.committed.rows, size < first ? 0U : 2U) << size;
    EXPECT_TRUE(content.ahead.empty()) << size;
  }
}

TEST_F(JournalTest, DamagedLinesAndWhatFollowsAreLeftOut) {
  {
    Journal journal = Journal::create(path_, job_, Json());
    journal.commit({}, committed(2));
    journal.commit({}, committed(4));
  }
  std::string text = read_text(path_);
  text[text.find("\"rows\":2") + 7] = '3';
  folder_.write("x.journal", text);
  EXPECT_EQ(read_journal(path_).committed.rows, 0U);
}

TEST_F(JournalTest, PlacesOutOfOrderAddUp) {
  {
    Journal journal = Journal::create(path_, job_, Json());
    Committed a = committed(2);
    a.places = {4, 0};
    journal.commit({}, a);
    a = committed(3);
    a.places = {9};
    journal.commit({}, a);
  }
  EXPECT_THAT(read_journal(path_).places, ElementsAre(4, 0, 9));
  Journal::resume(path_, read_journal(path_));
  EXPECT_THAT(read_journal(path_).places, ElementsAre(4, 0, 9));
}

TEST_F(JournalTest, OtherFilesAreRefused) {
  for (const char* text :
       {"", "x", "x\n", "0123456789abcdef {}\n", "{\"medgen_batch_journal\":1}\n"}) {
    folder_.write("x.journal", text);
    EXPECT_THROW(read_journal(path_), Error) << text;
  }
}

// As another medgen would have written it.
std::string with_format(int format) {
  const std::string json =
      "{\"medgen_batch_journal\":" + std::to_string(format) + R"(,"job":{"a":1}})";
  return base::sha256(json).substr(0, 16) + " " + json + "\n";
}

TEST_F(JournalTest, OlderFormatsAreReadAndStayWhatTheyAre) {
  folder_.write("x.journal", with_format(1));
  EXPECT_EQ(read_journal(path_).format, 1);
  Journal::resume(path_, read_journal(path_));
  EXPECT_EQ(read_journal(path_).format, 1);
  Journal::create(path_, job_, Json());
  EXPECT_EQ(read_journal(path_).format, kJournalFormat);
}

TEST_F(JournalTest, NewerFormatsAreRefusedByName) {
  folder_.write("x.journal", with_format(kJournalFormat + 1));
  try {
    read_journal(path_);
    ADD_FAILURE() << "read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), ::testing::HasSubstr(path_.string() +
                                                   " was written in format 3; this medgen reads up "
                                                   "to 2: finish the job with the medgen that"));
  }
}

TEST_F(JournalTest, HoldsNoPromptOfTheSettingsAndReadsOlderOnesSo) {
  const Json sampling{{"negative_prompt", "secret"}, {"temperature", 0.5}};
  const Json job{{"settings", {{"variants", {{"a", sampling}}}, {"negative_prompt_ids", {7, 8}}}}};
  const Json kept = without_prompts(job);
  EXPECT_EQ(kept["settings"]["variants"]["a"].dump(), "{\"negative_prompt\":{\"sha256\":\"" +
                                                          base::sha256("\"secret\"") +
                                                          "\"},\"temperature\":0.5}");
  EXPECT_EQ(kept["settings"]["negative_prompt_ids"].dump(),
            "{\"sha256\":\"" + base::sha256("[7,8]") + "\"}");
  EXPECT_EQ(without_prompts(kept), kept);
  Journal::create(path_, job, Json());
  EXPECT_EQ(read_journal(path_).job, kept);
  Json other = job;
  other["settings"]["variants"]["a"]["negative_prompt"] = "another secret";
  const auto found = differences(kept, without_prompts(other));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], ::testing::StartsWith("settings.variants.a.negative_prompt.sha256 was "));
}

TEST(DifferencesTest, NamesWhatDiffersAndHow) {
  const Json before{{"a", 1}, {"b", Json{{"c", 0.5}, {"d", "x"}}}};
  const Json now{{"a", 1}, {"b", Json{{"c", 0.7}, {"e", true}}}};
  EXPECT_THAT(differences(before, now),
              ElementsAre("b.c was 0.5 and is now 0.7", "b.d was \"x\" and is now null",
                          "b.e was null and is now true"));
  EXPECT_THAT(differences(before, before), ElementsAre());
}

TEST(DifferencesTest, QuotesNoTextOfTheUsersAndSaysOnceWhatIsOfBothForms) {
  const auto job = [](const char* stop, int seed, int tokens) {
    const Json settings{{"stop", Json::array({stop})}, {"seed", seed}};
    Json all{{"settings", settings}};
    all["settings"]["openai"] = settings;
    all["settings"]["openai"]["max_new_tokens"] = tokens;
    return all;
  };
  EXPECT_THAT(differences(job("secret", 1, 2), job("another secret", 3, 4)),
              ElementsAre("settings.stop is another one now", "settings.seed was 1 and is now 3",
                          "settings.openai.max_new_tokens was 2 and is now 4"));
}

}  // namespace
}  // namespace medgen::batch
