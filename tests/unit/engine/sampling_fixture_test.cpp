// Every step against transformers' own processors, or the plain formulas where it has none: what is
// kept exactly, probabilities to 1e-6. Made by scripts/make_sampling_fixtures.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/explain.h"
#include "engine/settings.h"
#include "places.h"

namespace medgen::engine {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kTolerance = 1e-6;

std::vector<Json> cases() {
  std::ifstream file(std::string(MEDGEN_FIXTURES) + "/sampling/steps.jsonl");
  std::vector<Json> all;
  for (std::string line; std::getline(file, line);) all.push_back(Json::parse(line));
  return all;
}

Json explained(const Json& line) {
  static Sampler sampler;  // one for all, so that stale buffers would show
  const ExplainRequest request = parse_explain_request(line.dump());
  std::vector<TokenId> eos;
  const DecodingContext context = explain_context(request, request.logits->size(), nullptr, eos);
  return explain(sampler, *request.logits, request.settings.sampling, context);
}

// The largest difference in probability; infinite if other tokens are kept.
double difference(const Json& actual, const Json& expected) {
  if (actual["kept"] != expected["kept"]) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < expected["probs"].size(); ++i) {
    largest = std::max(
        largest, std::abs(actual["probs"][i].get<double>() - expected["probs"][i].get<double>()));
  }
  return largest;
}

TEST(SamplingFixtureTest, EveryCaseKeepsTheSameTokensWithTheSameProbabilities) {
  const std::vector<Json> all = cases();
  EXPECT_GE(all.size(), 300U);
  std::set<std::string> settings;
  for (const Json& entry : all) {
    const Json actual = explained(entry["line"]);
    EXPECT_LE(difference(actual, entry), kTolerance) << entry.dump() << "\n" << actual.dump();
    for (const auto& [name, value] : entry["line"]["settings"].items()) settings.insert(name);
  }
  // Everything in the registry is tested, except what needs a second model row.
  for (const Step& step : steps()) {
    if (step.name == "guidance_scale") continue;
    EXPECT_TRUE(settings.contains(std::string(step.name))) << step.name;
  }
}

TEST(SamplingFixtureTest, TheSamplersOwnPathsKeepTheSameTokens) {
  Sampler sampler;
  for (const Json& entry : cases()) {
    const ExplainRequest request = parse_explain_request(entry["line"].dump());
    std::vector<TokenId> eos;
    const DecodingContext context = explain_context(request, request.logits->size(), nullptr, eos);
    const auto p =
        sampler.processed_probabilities(*request.logits, request.settings.sampling, context);
    std::vector<double> expected(p.size(), 0.0);
    for (std::size_t i = 0; i < entry["kept"].size(); ++i) {
      expected[entry["kept"][i].get<std::size_t>()] = entry["probs"][i].get<double>();
    }
    for (std::size_t i = 0; i < p.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(p[i]), expected[i], kTolerance) << entry.dump();
      ASSERT_TRUE(expected[i] > 0 || p[i] == 0) << entry.dump();
    }
  }
}

// Rows of a beam search that draws: the filters leave several tokens, as transformers' do with
// min_tokens_to_keep. Made by scripts/make_beam_sample_fixture.py.
Json beam_rows() {
  return Json::parse(
      std::ifstream(std::string(MEDGEN_FIXTURES) + "/sampling/beam_sample.json"))["rows"];
}

double beam_difference(const Json& entry, std::size_t more) {
  static Sampler sampler;
  const auto logits = entry["logits"].get<std::vector<float>>();
  DecodingContext context;
  context.least = entry["least"].get<std::size_t>() + more;
  const SamplingParams params = make_settings(entry["settings"], neutral_settings()).sampling;
  Candidates& left = sampler.beam_candidates(logits, params, context);
  if (left.size() != entry["kept"].size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left.id(i) != entry["kept"][i].get<TokenId>()) return INFINITY;
    largest = std::max(largest, std::abs(left.score(i) - entry["scores"][i].get<double>()));
  }
  return largest;
}

TEST(SamplingFixtureTest, FiltersLeaveABeamAsManyTokensAsTransformersDo) {
  const Json all = beam_rows();
  ASSERT_GE(all.size(), 300U);
  for (const Json& entry : all) EXPECT_LE(beam_difference(entry, 0), kTolerance) << entry.dump();
}

TEST(SamplingFixtureTest, ABeamThatKeepsOneTokenMoreFailsTheSameCheck) {
  int red = 0;
  for (const Json& entry : beam_rows()) red += beam_difference(entry, 1) > kTolerance ? 1 : 0;
  EXPECT_GT(red, 50);
}

// Companions: a small change of a setting, a score or an expectation turns the check red.
TEST(SamplingFixtureTest, ACaseWithAnotherSettingFailsTheSameCheck) {
  int red = 0, changed = 0;
  for (const Json& entry : cases()) {
    Json line = entry["line"];
    if (!line["settings"].contains("temperature")) continue;
    ++changed;
    line["settings"]["temperature"] = 1.01 * line["settings"]["temperature"].get<double>();
    if (difference(explained(line), entry) > kTolerance) ++red;
  }
  EXPECT_GT(changed, 50);
  EXPECT_GT(red, changed / 2);  // where one token or equals are left, nothing changes
}

TEST(SamplingFixtureTest, AMissingTokenFailsTheSameCheck) {
  Json entry = cases().front();
  entry["kept"].erase(entry["kept"].size() - 1);
  EXPECT_EQ(difference(explained(entry["line"]), entry), INFINITY);
}

}  // namespace
}  // namespace medgen::engine
