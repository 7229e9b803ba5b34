// The whole table: values against other implementations, intervals, comparisons, the reference,
// records in and JSON and CSV out.
#include "research/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "medgen/error.h"
#include "places.h"
#include "records/reader.h"
#include "unit/byte_tokenizer.h"

namespace medgen::research {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kNear = 1e-9;

Json fixture() {
  return Json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/metrics.json"));
}

std::vector<Sample> fixture_samples(const std::string& setting = "a") {
  std::vector<Sample> samples;
  const Json json = fixture();
  for (const Json& text : json["texts"]) {
    Sample& sample = samples.emplace_back();
    sample.setting = setting;
    sample.prompt_id = text["prompt"];
    sample.index = text["index"];
    sample.tokens = text["tokens"].get<std::vector<TokenId>>();
    sample.num_tokens = static_cast<int>(sample.tokens.size());
    for (const TokenId id : sample.tokens)
      sample.text.append("w").append(std::to_string(id)).append(" ");
    sample.logprob = -2.0 * sample.num_tokens;
    sample.mean_entropy = 1.5;
  }
  return samples;
}

// Texts of `length` tokens for `prompts` prompts, one each.
std::vector<Sample> plain_samples(const std::string& setting, int prompts, int length,
                                  TokenId first = 0) {
  std::vector<Sample> samples;
  for (int p = 0; p < prompts; ++p) {
    Sample& sample = samples.emplace_back(Sample{setting, std::to_string(p)});
    for (int i = 0; i < length + p % 3; ++i) sample.tokens.push_back(first + (p * 7 + i * i) % 23);
    sample.num_tokens = static_cast<int>(sample.tokens.size());
  }
  return samples;
}

std::vector<Sample> operator+(std::vector<Sample> a, const std::vector<Sample>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

MetricsOptions quick() {
  MetricsOptions options;
  options.bootstrap_resamples = 200;
  return options;
}

std::string error_of(const std::vector<Sample>& samples, const MetricsOptions& options) {
  try {
    compute_metrics(samples, {}, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(MetricsTest, ValuesAreThoseOfOtherImplementations) {
  const Metrics metrics = compute_metrics(fixture_samples(), {}, quick());
  ASSERT_EQ(metrics.rows.size(), 1U);
  EXPECT_EQ(metrics.unit, "token");
  const Json expected = fixture()["expected"];
  EXPECT_EQ(expected.size(), 12U);
  for (const auto& [name, value] : expected.items()) {
    EXPECT_NEAR(metrics.rows[0].metric(name).value.value(), value, kNear) << name;
  }
  EXPECT_NEAR(metrics.rows[0].metric("perplexity").value.value(), std::exp(2.0), kNear);
  EXPECT_NEAR(metrics.rows[0].metric("mean_entropy").value.value(), 1.5, kNear);
}

// What blanks part counts as a token where ids are unknown.
TEST(MetricsTest, WordsGiveTheSameAsTheirIds) {
  std::vector<Sample> samples = fixture_samples();
  for (Sample& sample : samples) sample.tokens.clear();
  const Metrics metrics = compute_metrics(samples, {}, quick());
  EXPECT_EQ(metrics.unit, "word");
  const Json expected = fixture()["expected"];
  for (const auto& [name, value] : expected.items()) {
    EXPECT_NEAR(metrics.rows[0].metric(name).value.value(), value, kNear) << name;
  }
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("Counted in words")));
}

TEST(MetricsTest, ATokenizerCountsTextsWithoutTokens) {
  const ByteTokenizer tokenizer;
  MetricsOptions options = quick();
  options.tokenizer = &tokenizer;
  const Metrics metrics =
      compute_metrics({{.setting = "a", .prompt_id = "1", .text = "abab"}}, {}, options);
  EXPECT_EQ(metrics.unit, "token");
  EXPECT_EQ(metrics.rows[0].tokens, 4U);
  EXPECT_NEAR(metrics.rows[0].metric("distinct_1").value.value(), 0.5, kNear);
}

TEST(MetricsTest, AFinalEndOfTextTokenIsNotCounted) {
  Sample sample{"a", "1"};
  sample.tokens = {4, 5, 6, 0};
  sample.num_tokens = 4;
  sample.finish_reason = "eos";
  EXPECT_EQ(compute_metrics({sample}, {}, quick()).rows[0].tokens, 3U);
  sample.finish_reason = "length";
  EXPECT_EQ(compute_metrics({sample}, {}, quick()).rows[0].tokens, 4U);
}

TEST(MetricsTest, LeavesOutWhatIsNotKnown) {
  std::vector<Sample> samples = plain_samples("a", 4, 9);
  samples[0].logprob = -3;
  const Metrics metrics = compute_metrics(samples, {}, quick());
  EXPECT_FALSE(metrics.rows[0].metric("perplexity").value.has_value());  // of one text alone
  EXPECT_FALSE(metrics.rows[0].metric("mean_entropy").value.has_value());
  EXPECT_FALSE(metrics.rows[0].metric("self_bleu_4_prompt").value.has_value());
  EXPECT_TRUE(metrics.rows[0].metric("self_bleu_4").value.has_value());
  const Metrics single = compute_metrics({samples[0]}, {}, quick());
  EXPECT_FALSE(single.rows[0].metric("self_bleu_4").value.has_value());
  EXPECT_FALSE(single.rows[0].metric("distinct_1").interval.has_value());
  EXPECT_NEAR(single.rows[0].metric("perplexity").value.value(), std::exp(3.0 / 9), kNear);
}

TEST(MetricsTest, EmptyTextsAreTexts) {
  std::vector<Sample> samples = plain_samples("a", 2, 9);
  samples.push_back({"a", "2"});
  const Metrics metrics = compute_metrics(samples, {}, quick());
  EXPECT_EQ(metrics.rows[0].texts, 3U);
  EXPECT_NEAR(metrics.rows[0].metric("length").value.value(), 19.0 / 3, kNear);
  const Metrics nothing = compute_metrics({{"a", "1"}, {"a", "2"}}, {}, quick());
  EXPECT_FALSE(nothing.rows[0].metric("distinct_1").value.has_value());
  EXPECT_FALSE(nothing.rows[0].metric("zipf").value.has_value());
}

bool is_mauve(const Metric& metric) { return metric.name.starts_with("mauve"); }  // on request

TEST(MetricsTest, EveryValueLiesInItsInterval) {
  const Metrics metrics = compute_metrics(fixture_samples(), {}, quick());
  ASSERT_GT(metrics.rows.at(0).metrics.size(), 5U);
  for (const Metric& metric : metrics.rows[0].metrics) {
    if (is_mauve(metric)) continue;
    ASSERT_TRUE(metric.interval.has_value()) << metric.name;
    EXPECT_LE(metric.interval->low, *metric.value + kNear) << metric.name;
    EXPECT_GE(metric.interval->high, *metric.value - kNear) << metric.name;
    const bool is_constant = metric.name == "perplexity" || metric.name == "mean_entropy";
    EXPECT_EQ(metric.interval->high - metric.interval->low > 1e-6, !is_constant) << metric.name;
  }
}

TEST(MetricsTest, AShareOfDifferentNgramsStaysBelowOne) {
  std::vector<Sample> samples = plain_samples("a", 6, 9);
  samples[1].tokens = samples[0].tokens;  // what little repeats is of one prompt or two
  for (std::size_t i = 2; i < samples.size(); ++i) {
    for (TokenId& id : samples[i].tokens) id += 100 * static_cast<TokenId>(i);
  }
  const Metrics metrics = compute_metrics(samples, {}, quick());
  EXPECT_LE(metrics.rows[0].metric("distinct_3").interval.value().high, 1);
  EXPECT_LT(metrics.rows[0].metric("distinct_3").value.value(), 1);
}

TEST(MetricsTest, TheSameSeedGivesTheSameTable) {
  const auto samples = fixture_samples("a") + plain_samples("b", 15, 20);
  MetricsOptions options = quick();
  const std::string first = metrics_json(compute_metrics(samples, {}, options)).dump();
  EXPECT_EQ(metrics_json(compute_metrics(samples, {}, options)).dump(), first);
  options.seed = 1;
  EXPECT_NE(metrics_json(compute_metrics(samples, {}, options)).dump(), first);
}

TEST(MetricsTest, EqualTextsDoNotDiffer) {
  MetricsOptions options = quick();
  options.baseline = "a";
  const Metrics metrics = compute_metrics(fixture_samples("a") + fixture_samples("b"), {}, options);
  ASSERT_GT(metrics.rows.at(1).metrics.size(), 5U);
  for (const Metric& metric : metrics.rows[1].metrics) {
    if (is_mauve(metric)) continue;
    ASSERT_TRUE(metric.comparison.has_value()) << metric.name;
    EXPECT_NEAR(metric.comparison->difference, 0, kNear);
    EXPECT_EQ(metric.comparison->p_value, 1) << metric.name;
    // On the same draws; the interval of shares is wider than what was seen.
    const bool is_share =
        metric.name == "repetition" || metric.name == "repetition_code" || metric.name == "loops";
    EXPECT_LE(metric.comparison->interval.low, kNear) << metric.name;
    EXPECT_NEAR(metric.comparison->interval.high, 0, is_share ? 0.2 : kNear) << metric.name;
  }
  for (const Metric& metric : metrics.rows[0].metrics) {
    EXPECT_FALSE(metric.comparison.has_value());  // the baseline itself
  }
}

TEST(MetricsTest, ADifferenceIsFoundAndCorrected) {
  MetricsOptions options = quick();
  options.bootstrap_resamples = 2000;
  options.baseline = "short";
  const Metrics metrics =
      compute_metrics(plain_samples("short", 30, 9) + plain_samples("long", 30, 18), {}, options);
  const Comparison length = metrics.rows[1].metric("length").comparison.value();
  EXPECT_NEAR(length.difference, 9, kNear);
  EXPECT_NEAR(length.p_value, 1.0 / 2001, kNear);
  EXPECT_GT(length.p_holm, length.p_value);
  EXPECT_LT(length.p_holm, 0.05);
  EXPECT_THAT(metrics_table(metrics), HasSubstr("* differs from short"));
}

// Four prompts all of one sign are no more than one chance in eight.
TEST(MetricsTest, FewPromptsProveNothing) {
  MetricsOptions options = quick();
  options.baseline = "short";
  const Metrics metrics =
      compute_metrics(plain_samples("short", 4, 9) + plain_samples("long", 4, 18), {}, options);
  EXPECT_EQ(metrics.rows[1].metric("length").comparison.value().p_value, 0.125);
}

TEST(MetricsTest, SettingsWithOtherPromptsAreNotCompared) {
  MetricsOptions options = quick();
  options.baseline = "a";
  const Metrics metrics =
      compute_metrics(plain_samples("a", 30, 9) + plain_samples("b", 29, 9), {}, options);
  EXPECT_FALSE(metrics.rows[1].metric("length").comparison.has_value());
  EXPECT_TRUE(metrics.rows[1].metric("length").interval.has_value());
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("Not compared with the baseline")));
}

TEST(MetricsTest, ClosestToTheReferenceIsNotTheLowest) {
  const auto samples =
      plain_samples("low", 20, 5) + plain_samples("near", 20, 11) + plain_samples("high", 20, 30);
  const Metrics metrics = compute_metrics(samples, plain_samples("", 20, 12), quick());
  ASSERT_NE(metrics.reference(), nullptr);
  EXPECT_EQ(metrics.reference()->setting, "human");
  EXPECT_THAT(metrics.closest("length"), ElementsAre("near"));
  const Interval interval = metrics.rows[1].metric("length").distance_interval.value();
  EXPECT_LE(interval.low, 1);
  EXPECT_GE(interval.high, 1);
  EXPECT_NEAR(metrics.rows[1].metric("length").distance.value(), 1, kNear);
  EXPECT_FALSE(metrics.reference()->metric("length").distance.has_value());
  EXPECT_EQ(metrics_json(metrics)["closest_to_reference"]["length"], Json({"near"}));
  EXPECT_THAT(compute_metrics(samples, {}, quick()).closest("length"), ElementsAre());
}

TEST(MetricsTest, TiesAreNamedAsTies) {
  const auto samples = plain_samples("a", 20, 11) + plain_samples("b", 20, 13);
  const Metrics metrics = compute_metrics(samples, plain_samples("", 20, 12), quick());
  EXPECT_THAT(metrics.closest("length"), ElementsAre("a", "b"));  // one on each side
  EXPECT_EQ(metrics_json(metrics)["closest_to_reference"]["length"], Json({"a", "b"}));
}

// Texts of another number differ in these for that alone.
TEST(MetricsTest, MeasuresThatDependOnTheNumberOfTextsAreComparedAmongEquals) {
  MetricsOptions options = quick();
  options.baseline = "a";
  auto samples = plain_samples("a", 30, 9) + plain_samples("b", 30, 9);
  Metrics metrics = compute_metrics(samples, {}, options);
  EXPECT_TRUE(metrics.rows[1].metric("distinct_2").comparison.has_value());
  samples = samples + plain_samples("b", 30, 9, 3);
  metrics = compute_metrics(samples, {}, options);
  std::size_t compared = 0;
  for (std::size_t m = 0; m < metric_infos().size(); ++m) {
    const bool has = metrics.rows[1].metrics[m].comparison.has_value();
    EXPECT_FALSE(has && metric_infos()[m].needs_equal_counts) << metric_infos()[m].name;
    compared += has ? 1 : 0;
  }
  EXPECT_EQ(compared, 4U);  // repetition, repetition_code, loops, length
}

TEST(MetricsTest, AShareOfNothingIsNotCertain) {
  const Metrics metrics = compute_metrics(plain_samples("a", 30, 9), {}, quick());
  const Metric& loops = metrics.rows[0].metric("loops");
  EXPECT_EQ(loops.value, 0);
  EXPECT_EQ(loops.interval.value().low, 0);
  EXPECT_GT(loops.interval.value().high, 0.05);
}

TEST(MetricsTest, SaysWhenNoDifferenceCanPassHolmsCorrection) {
  MetricsOptions options = quick();
  options.baseline = "a";
  auto samples = plain_samples("a", 30, 9) + plain_samples("b", 30, 9);
  EXPECT_THAT(compute_metrics(samples, {}, options).notices,
              Contains(HasSubstr("Too few resamples (200) for any of")));
  options.bootstrap_resamples = 2000;
  EXPECT_THAT(compute_metrics(samples, {}, options).notices,
              Not(Contains(HasSubstr("Too few resamples"))));
  samples = plain_samples("a", 6, 9) + plain_samples("b", 6, 9);
  EXPECT_THAT(compute_metrics(samples, {}, options).notices,
              Contains(HasSubstr("Too few prompts (6) for any of")));
}

TEST(MetricsTest, SaysHowManyTextsBeginInsideThePrompt) {
  std::vector<Sample> samples = plain_samples("a", 30, 9);
  samples[3].crosses_border = true;
  EXPECT_THAT(compute_metrics(samples, {}, quick()).notices,
              Contains(HasSubstr("In 1 text the first token reaches back")));
}

TEST(MetricsTest, TheReferenceIsCutToTheSettingsNumberAndLength) {
  const Metrics metrics =
      compute_metrics(plain_samples("a", 20, 10), plain_samples("", 90, 40), quick());
  EXPECT_EQ(metrics.reference()->texts, 20U);
  EXPECT_NEAR(metrics.reference()->metric("length").value.value(), 12, kNear);  // 10 + 2
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("Of 90 reference texts 20 were drawn")));
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("20 reference texts cut to 12 tokens")));
}

TEST(MetricsTest, SaysWhatDoesNotCompare) {
  const Metrics metrics =
      compute_metrics(plain_samples("a", 8, 9) + plain_samples("b", 30, 20), {}, quick());
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("different numbers of texts (8 to 30)")));
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("Only 8 prompts")));
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("Mean lengths range from")));
  EXPECT_TRUE(compute_metrics(plain_samples("a", 30, 9), {}, quick()).notices.empty());
}

TEST(MetricsTest, RefusesWhatCannotBeMeasured) {
  const auto samples = plain_samples("temperature=0.7", 3, 9) + plain_samples("greedy", 3, 9);
  EXPECT_THAT(error_of({}, quick()), HasSubstr("no texts"));
  MetricsOptions options = quick();
  options.baseline = "temperature=0,7";
  EXPECT_THAT(error_of(samples, options), HasSubstr("did you mean \"temperature=0.7\""));
  options.baseline = "something else altogether";
  EXPECT_THAT(error_of(samples, options), HasSubstr("which are: \"temperature=0.7\", \"greedy\""));
  options = quick();
  options.bootstrap_resamples = -1;
  EXPECT_THAT(error_of(samples, options),
              HasSubstr("resamples is -1; it must be from 0 (none) to 1000000"));
  options = quick();
  options.confidence = 1;
  EXPECT_THAT(error_of(samples, options), HasSubstr("confidence"));
  options = quick();
  options.self_bleu_limit = 0;
  EXPECT_THAT(error_of(samples, options), HasSubstr("self_bleu_texts is 0"));
}

TEST(MetricsTest, SelfBleuOfFewTextsIsNearThatOfAll) {
  MetricsOptions options = quick();
  const double all =
      compute_metrics(fixture_samples(), {}, options).rows[0].metric("self_bleu_4").value.value();
  options.self_bleu_limit = 45;
  const double some =
      compute_metrics(fixture_samples(), {}, options).rows[0].metric("self_bleu_4").value.value();
  EXPECT_NE(some, all);
  EXPECT_NEAR(some, all, 0.1);
}

// Texts with features around a few places, which the settings visit differently often.
std::vector<Sample> placed_samples(const std::string& setting, int texts, int places) {
  std::vector<Sample> samples;
  for (int i = 0; i < texts; ++i) {
    Sample& sample = samples.emplace_back(plain_samples(setting, 1, 9)[0]);
    sample.prompt_id = std::to_string(i / 2);
    sample.index = i % 2;
    const double angle = i % places + 0.001 * i;
    sample.features = std::make_shared<const std::vector<float>>(std::initializer_list<float>{
        static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)), 1});
  }
  return samples;
}

TEST(MetricsTest, MauveIsHighForLikeTextsAndLowForOthers) {
  MetricsOptions options = quick();
  options.mauve = MauveSource{"a model", "12ab", true};
  const auto samples = placed_samples("like", 60, 4) + placed_samples("unlike", 60, 2);
  const auto human = placed_samples("human", 60, 4);
  const Metrics metrics = compute_metrics(samples, human, options);
  const Metric &like = metrics.rows[0].metric("mauve"), &unlike = metrics.rows[1].metric("mauve");
  EXPECT_NEAR(like.value.value(), 1, 1e-6);
  EXPECT_LT(unlike.value.value(), 0.9);
  EXPECT_TRUE(like.is_closest);
  EXPECT_FALSE(unlike.is_closest);
  EXPECT_LT(unlike.interval->low, *unlike.value);
  EXPECT_GT(unlike.interval->high, *unlike.value);
  EXPECT_LT(metrics.rows[1].metric("mauve_star").value.value(), 1);
  EXPECT_FALSE(metrics.rows[2].metric("mauve").value.has_value());  // the reference's own
  EXPECT_THAT(metrics.notices, Contains(HasSubstr("MAUVE of 60 texts: with fewer than 1000")));
  EXPECT_THAT(metrics.notices, Not(Contains(HasSubstr("by themselves"))));
  EXPECT_EQ(metrics_json(metrics)["mauve"]["model"], "a model");
  EXPECT_THAT(metrics_table(metrics), HasSubstr("mauve_star"));
}

TEST(MetricsTest, MauveOfFewTextsIsNotGivenAndAllOfItIsOnRequest) {
  MetricsOptions options = quick();
  options.mauve = MauveSource{"a model", "12ab", false};
  const auto samples = placed_samples("a", 48, 4), human = placed_samples("human", 60, 4);
  const Metrics few = compute_metrics(samples, human, options);
  EXPECT_FALSE(few.rows[0].metric("mauve").value.has_value());
  EXPECT_THAT(few.notices, Contains(HasSubstr("fewer than 50 texts")));
  EXPECT_THAT(few.notices, Contains(HasSubstr("by themselves")));
  options.mauve = std::nullopt;
  const Metrics unasked = compute_metrics(placed_samples("a", 60, 4), human, options);
  EXPECT_THAT(metrics_json(unasked).dump(), Not(HasSubstr("mauve")));
  EXPECT_THAT(metrics_csv(unasked), Not(HasSubstr("mauve")));
}

TEST(MetricsTest, MauveLeavesOutTextsWithoutFeatures) {
  MetricsOptions options = quick();
  options.mauve = MauveSource{"a model", "12ab", true};
  const auto human = placed_samples("human", 60, 4);
  auto samples = placed_samples("a", 60, 4);
  const Metrics all = compute_metrics(samples, human, options);
  samples.insert(samples.begin() + 7, plain_samples("a", 1, 9)[0]);
  const Metrics some = compute_metrics(samples, human, options);
  EXPECT_EQ(some.rows[0].metric("mauve").value, all.rows[0].metric("mauve").value);
  EXPECT_THAT(some.notices, Contains(HasSubstr("MAUVE leaves out 1 text without a token")));
}

TEST(MetricsOutputTest, CsvHasALineForEachSettingAndMeasure) {
  auto samples = plain_samples("a, \"b\"", 3, 9);
  samples[0].finish_reason = "loop";
  const Metrics metrics = compute_metrics(samples, {}, quick());
  const std::string csv = metrics_csv(metrics);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'),
            static_cast<std::ptrdiff_t>(1 + metric_infos().size() - 2 + 1));  // without MAUVE
  EXPECT_THAT(csv, HasSubstr("\n\"a, \"\"b\"\"\",false,length,10.0,"));
  EXPECT_THAT(csv, HasSubstr("finish_loop,0.333"));
  EXPECT_THAT(csv, HasSubstr("perplexity,,,,"));
}

TEST(MetricsOutputTest, TableBreaksIntoBlocksAsWideAsTheTerminal) {
  const Metrics metrics = compute_metrics(fixture_samples(), {}, quick());
  std::istringstream lines(metrics_table(metrics, 60));
  int heads = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 60U);
    if (line.starts_with("setting")) ++heads;
  }
  EXPECT_GT(heads, 2);
  EXPECT_THAT(metrics_table(metrics, 60), HasSubstr("8.3 %"));
}

std::vector<Sample> samples_of_text(const std::string& text) {
  return samples_of(records::RecordReader(Json::parse(text), {"file.jsonl", 7}), "file", "7");
}

TEST(SamplesOfTest, ReadsRecordsOfBatchAndSweep) {
  const auto samples = samples_of_text(
      R"({"id":"x","setting":"s","prompt":"p","completions":[
          {"index":0,"text":"a","finish_reason":"length","num_tokens":2,"logprob":-3,
           "tokens":[5,6],"mean_entropy":0.5},
          {"index":1,"text":"b","finish_reason":"eos","num_tokens":2,"logprob":-1,
           "logprobs":[{"id":8,"entropy":1.0},{"id":0,"entropy":2.0}]}]})");
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_EQ(samples[0].setting, "s");
  EXPECT_EQ(samples[0].prompt_id, "x");
  EXPECT_EQ(samples[0].prompt, "p");
  EXPECT_THAT(samples[0].tokens, ElementsAre(5, 6));
  EXPECT_EQ(samples[0].logprob, -3);
  EXPECT_EQ(samples[0].mean_entropy, 0.5);
  EXPECT_EQ(samples[1].index, 1);
  EXPECT_THAT(samples[1].tokens, ElementsAre(8, 0));
  EXPECT_EQ(samples[1].mean_entropy, 1.5);
}

TEST(SamplesOfTest, ReadsPlainTextsAndOpenAisBatchForm) {
  const auto plain = samples_of_text(R"({"text":"a b"})");
  ASSERT_EQ(plain.size(), 1U);
  EXPECT_EQ(plain[0].setting, "file");
  EXPECT_EQ(plain[0].prompt_id, "7");
  const auto open_ai = samples_of_text(
      R"({"id":"r","custom_id":"c","response":{"body":{"choices":[{"text":"t","index":0}]}},"error":null})");
  ASSERT_EQ(open_ai.size(), 1U);
  EXPECT_EQ(open_ai[0].prompt_id, "c");
  EXPECT_TRUE(samples_of_text(R"({"id":"r","error":{"code":"x"}})").empty());
  EXPECT_EQ(samples_of_text(R"({"id":12,"text":"a"})")[0].prompt_id, "12");
}

TEST(SamplesOfTest, RefusesWhatIsNoRecordWithoutQuotingIt) {
  for (const char* record :
       {R"(["secret"])", R"({"prompt":"secret"})", R"({"text":["secret"]})",
        R"({"completions":"secret"})", R"({"completions":["secret"]})",
        R"({"completions":[{"index":0}]})", R"({"text":"secret","tokens":[1,-2]})",
        R"({"text":"secret","tokens":[1],"num_tokens":2})", R"({"text":"secret","logprob":-1})",
        R"({"text":"secret","logprob":"x","num_tokens":1})",
        R"({"text":"secret","num_tokens":1.5})", R"({"response":{"secret":1}})"}) {
    try {
      samples_of_text(record);
      ADD_FAILURE() << record;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kRuntime);
      EXPECT_THAT(error.what(), Not(HasSubstr("secret")));
    }
  }
}

}  // namespace
}  // namespace medgen::research
