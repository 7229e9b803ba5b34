// What a batch comes to before anything is loaded: the settings, the journal, what is left to do.
#include "jobs/batch_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "jobs/batch_description.h"
#include "medgen/error.h"
#include "unit/bundle/support.h"

namespace medgen::jobs {
namespace {

namespace fs = std::filesystem;
using bundle_test::error_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class BatchJobTest : public ::testing::Test {
 protected:
  BatchJobTest() {
    BundleWriter writer(folder_ / "model");
    ModelConfig config;
    config.vocab_size = 300;
    config.n_positions = 24;
    config.n_embd = 16;
    config.n_layer = 2;
    config.n_head = 2;
    config.n_inner = 64;
    writer.add_config(config);
    writer.add_tokenizer(bundle_test::fixture("tokenizer"));
    writer.add_generation_config(R"({"temperature": 0.5})");
    writer.add_model_card("# A card\n");
    base::write_file(writer.model_pt(), "no weights: whoever loads them fails");
    writer.commit("small", "fp32");
    folder_.write("in.txt", "a\nb\nc\n");
    folder_.write("bad.jsonl", "{\"prompt\":\"a\"}\nno json\n{\"prompt\":7}\n");
  }

  BatchAsked asked(const std::string& input = "in.txt") const {
    BatchAsked asked;
    asked.input.names = {(folder_ / input).string()};
    asked.model = (folder_ / "model").string();
    asked.slots = 2;
    asked.output = folder_ / "out.jsonl";
    return asked;
  }
  BatchResolved resolved(BatchAsked asked) const { return resolve(std::move(asked), never_); }

  // What a run that ends at once would leave.
  void begin(const BatchResolved& job, bool complete) const {
    batch::RecordWriter writer =
        job.file->begin(describe(job, "native", "fp32"), batch::Json(), true);
    if (complete) writer.finish();
  }

  TemporaryFolder folder_;
  std::atomic<bool> never_{false};
};

TEST_F(BatchJobTest, ResolvingReadsTheInputAndChangesNothing) {
  const int before = folder_.entries();
  {
    const BatchResolved job = resolved(asked());
    EXPECT_EQ(job.left, BatchLeft::kRows);
    EXPECT_EQ(job.survey->rows, 3U);
    EXPECT_EQ(job.found(), nullptr);
    EXPECT_EQ(job.maker.plain.sampling.temperature, 0.5);  // the model's own
    EXPECT_EQ(job.maker.openai.sampling.temperature, 1);
    EXPECT_EQ(job.settings["seed"], job.seed());
    EXPECT_TRUE(fs::exists(job.asked.output)) << "locked meanwhile";
  }
  EXPECT_EQ(folder_.entries(), before);
  // Companion: opening it does need weights.
  const BatchResolved job = resolved(asked());
  error_of([&] { const BatchOpened opened(job); });
}

TEST_F(BatchJobTest, WhatWasAskedForComesBeforeTheModelsDefaults) {
  BatchAsked cold = asked();
  cold.settings = {{"temperature", 0.1}, {"seed", 9}};
  const BatchResolved job = resolved(cold);
  EXPECT_EQ(job.maker.plain.sampling.temperature, 0.1);
  EXPECT_EQ(job.maker.openai.sampling.temperature, 0.1);
  EXPECT_EQ(job.seed(), 9U);
  EXPECT_TRUE(job.seed_given());
  cold.settings = {{"temperature", -1}};
  error_of([&] { resolved(cold); }, ErrorCode::kUsage);
}

TEST_F(BatchJobTest, AJobThatWasBegunKeepsItsSeed) {
  std::uint64_t seed = 0;
  {
    const BatchResolved first = resolved(asked());
    seed = first.seed();
    begin(first, false);
  }
  const BatchResolved again = resolved(asked());
  EXPECT_NE(again.found(), nullptr);
  EXPECT_EQ(again.seed(), seed);
  EXPECT_EQ(again.left, BatchLeft::kRows);
}

TEST_F(BatchJobTest, ACompleteJobLeavesNothingToDoAndAnotherOneIsRefused) {
  begin(resolved(asked()), true);
  EXPECT_EQ(resolved(asked()).left, BatchLeft::kNothing);
  BatchAsked other = asked();
  other.settings = {{"top_k", 3}};
  EXPECT_THAT(error_of([&] { resolved(other); }, ErrorCode::kUsage),
              AllOf(HasSubstr("belongs to another job"), HasSubstr("settings.top_k")));
  other.restart = true;
  EXPECT_EQ(resolved(other).left, BatchLeft::kRows);
}

TEST_F(BatchJobTest, ACompleteJobOfAnOlderFormatLeavesNothingToDoUnlessItIsAnother) {
  std::uint64_t seed = 0;
  const fs::path path = batch::journal_path(asked().output);
  {
    const BatchResolved first = resolved(asked());
    seed = first.seed();
    begin(first, true);
  }
  batch::JournalContent older = batch::read_journal(path);
  older.format = batch::kJournalFormat - 1;
  older.job["medgen"] = "0.1.0";
  batch::Journal::resume(path, older);
  EXPECT_EQ(resolved(asked()).left, BatchLeft::kNothing);
  BatchAsked other = asked();
  other.settings = {{"seed", seed + 1}};
  EXPECT_THAT(error_of([&] { resolved(other); }, ErrorCode::kUsage),
              HasSubstr("begun by another medgen"));
  BatchAsked retry = asked();
  retry.retry_errors = true;
  EXPECT_THAT(error_of([&] { resolved(retry); }, ErrorCode::kUsage),
              HasSubstr("begun by another medgen"));
  older.committed.done = false;
  batch::Journal::resume(path, older);
  EXPECT_THAT(error_of([&] { resolved(asked()); }, ErrorCode::kUsage),
              HasSubstr("begun by another medgen"));
}

TEST_F(BatchJobTest,
       AfterAnUpgradeACompleteJobLeavesNothingToDoAndAnotherIsToBeFinishedByItsOwnMedgen) {
  const fs::path path = batch::journal_path(asked().output);
  begin(resolved(asked()), true);
  batch::JournalContent before = batch::read_journal(path);
  before.job["medgen"] = "0.1.0";
  batch::Journal::resume(path, before);
  EXPECT_EQ(resolved(asked()).left, BatchLeft::kNothing);
  BatchAsked other = asked();
  other.settings = {{"top_k", 3}};
  EXPECT_THAT(error_of([&] { resolved(other); }, ErrorCode::kUsage),
              AllOf(HasSubstr("settings.top_k"), HasSubstr("give the same input")));
  before.committed.done = false;
  batch::Journal::resume(path, before);
  EXPECT_THAT(error_of([&] { resolved(asked()); }, ErrorCode::kUsage),
              AllOf(HasSubstr("0.1.0"), HasSubstr("finish it with the medgen that began it"),
                    Not(HasSubstr("give the same input"))));
  before.job = 3;  // damaged
  before.committed.done = true;
  batch::Journal::resume(path, before);
  EXPECT_THAT(error_of([&] { resolved(asked()); }, ErrorCode::kUsage),
              HasSubstr("belongs to another job"));
}

TEST_F(BatchJobTest, MoreBadRowsThanMayFailAreKnownBeforeTheModelIsLoaded) {
  BatchAsked strict = asked("bad.jsonl");
  strict.max_errors = 1;
  EXPECT_EQ(resolved(strict).left, BatchLeft::kTooManyBad);
  strict.max_errors = 2;
  EXPECT_EQ(resolved(strict).left, BatchLeft::kRows);
}

TEST_F(BatchJobTest, CheckingNamesTheBadRows) {
  std::vector<std::uint64_t> lines;
  const auto survey =
      check_rows(asked("bad.jsonl"), never_,
                 [&](const batch::BatchRow&, std::uint64_t line) { lines.push_back(line); });
  EXPECT_EQ(survey.bad, 2U);
  EXPECT_THAT(lines, ::testing::ElementsAre(2, 3));
  EXPECT_FALSE(fs::exists(asked().output));
}

TEST_F(BatchJobTest, AnInterruptedSurveyKnowsNothing) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(resolve(asked(), stop).left, BatchLeft::kUnknown);
}

TEST_F(BatchJobTest, OnlyACompleteOutputsFailedRowsAreRetried) {
  BatchAsked retry = asked();
  retry.retry_errors = true;
  const auto refusal = [&] { return error_of([&] { resolved(retry); }, ErrorCode::kUsage); };
  EXPECT_THAT(refusal(), HasSubstr("not a complete batch"));
  begin(resolved(asked()), false);
  EXPECT_THAT(refusal(), HasSubstr("not a complete batch"));
  begin(resolved(asked()), true);
  EXPECT_EQ(resolved(retry).left, BatchLeft::kNothing);
}

TEST_F(BatchJobTest, AnInputIsNoOutput) {
  BatchAsked same = asked();
  same.output = folder_ / "in.txt";
  same.restart = true;
  EXPECT_THAT(error_of([&] { resolved(same); }, ErrorCode::kUsage),
              HasSubstr("both input and output"));
}

TEST_F(BatchJobTest, APipeIsNoInputSinceItCanBeReadOnce) {
  BatchAsked piped = asked();
  piped.input.names = {(folder_ / "pipe").string()};
  ASSERT_EQ(::mkfifo(piped.input.names[0].c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { resolved(piped); }, ErrorCode::kUsage), HasSubstr("is a pipe"));
  piped.output.clear();
  piped.descriptor = 1;
  EXPECT_THAT(error_of([&] { resolved(piped); }, ErrorCode::kUsage), HasSubstr("is a pipe"));
}

TEST_F(BatchJobTest, OfASweepEveryVariantHasTheSeedAndTheRecordsTheSettingsAskedFor) {
  BatchAsked sweep = asked();
  sweep.settings = {{"seed", 5}};
  sweep.variants = [](const DecodingSettings& plain, const Tokenizer&) {
    return std::vector<batch::NamedSettings>{{"one", plain}, {"two", plain}};
  };
  const BatchResolved job = resolved(sweep);
  ASSERT_EQ(job.variants.size(), 2U);
  ASSERT_EQ(job.maker.variants.size(), 2U);
  EXPECT_EQ(job.variants[1].settings.sampling.seed, 5U);
  EXPECT_EQ(job.maker.variants[1].settings.sampling.seed, 5U);
  EXPECT_FALSE(job.variants[1].settings.sampling.logprobs);
  EXPECT_EQ(job.maker.variants[1].settings.sampling.logprobs, 0) << "the entropy comes with them";
  EXPECT_EQ(describe(job, "native", "fp32")["lines_per_row"], 2);
}

}  // namespace
}  // namespace medgen::jobs
