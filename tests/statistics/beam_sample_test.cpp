// Beam search that draws, against transformers' own: how often it finds which texts, on a model
// that is a table. The fixture is made by scripts/make_beam_sample_fixture.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/settings.h"
#include "medgen/generate.h"
#include "places.h"
#include "statistics/chi_square.h"
#include "unit/engine/fake_backend.h"

namespace medgen {
namespace {

using testing::FakeBackend;
using testing::History;
using Json = nlohmann::ordered_json;
using Counts = std::map<std::string, std::uint64_t>;

constexpr std::uint64_t kRuns = 10000;

Json table_runs() {
  return Json::parse(
      std::ifstream(std::string(MEDGEN_FIXTURES) + "/sampling/beam_sample.json"))["runs"];
}

// The texts of a search as the fixture names them: with several EOS, transformers writes the first.
struct Tally : GenerationObserver {
  std::vector<TokenId> eos;
  std::map<std::uint64_t, std::map<int, std::vector<TokenId>>> texts;

  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t id, const Completion& completion) override {
    std::vector<TokenId> tokens = completion.tokens;
    if (std::find(eos.begin(), eos.end(), tokens.back()) != eos.end()) tokens.back() = eos[0];
    texts[id][completion.index] = std::move(tokens);
  }
  Counts counts() const {
    Counts counts;
    for (const auto& [id, found] : texts) {
      Json names = Json::array();
      for (const auto& [index, tokens] : found) names.push_back(tokens);
      ++counts[names.dump()];
    }
    return counts;
  }
};

Counts searched(const Json& entry, const Json& changed = Json::object()) {
  const auto rows = entry["rows"].get<std::vector<std::vector<float>>>();
  const auto vocab = static_cast<int>(rows.size());
  FakeBackend backend(vocab, 32, 8, [&](const History& history) {
    return rows[static_cast<std::size_t>(history.back())];
  });
  Json given{{"do_sample", true}, {"top_k", 0}};
  given.update(entry["settings"]);
  given.update(changed);
  const DecodingSettings settings = engine::make_settings(given);
  std::vector<Request> requests;
  for (std::uint64_t id = 0; id < kRuns; ++id) {
    requests.push_back({.id = id,
                        .prompt = {0, 0},
                        .num_return_sequences = settings.num_return_sequences,
                        .sampling = settings.sampling,
                        .stopping = settings.stopping});
  }
  Tally tally;
  tally.eos = settings.stopping.eos_token_id;
  generate(backend, testing::letters(vocab), requests, tally);
  return tally.counts();
}

// Two samples of one distribution? Texts that are rare in both are pooled.
testing::ChiSquare compared(const Counts& one, const Counts& other) {
  double n = 0, m = 0;
  std::set<std::string> names;
  for (const auto& [name, count] : one) n += static_cast<double>(count), names.insert(name);
  for (const auto& [name, count] : other) m += static_cast<double>(count), names.insert(name);
  testing::ChiSquare result;
  double rare_a = 0, rare_b = 0;
  const auto add = [&](double a, double b) {
    const double difference = a * std::sqrt(m / n) - b * std::sqrt(n / m);
    result.statistic += difference * difference / (a + b);
    ++result.degrees;
  };
  for (const std::string& name : names) {
    const double a = one.contains(name) ? static_cast<double>(one.at(name)) : 0;
    const double b = other.contains(name) ? static_cast<double>(other.at(name)) : 0;
    if (a + b >= 20) {
      add(a, b);
    } else {
      rare_a += a;
      rare_b += b;
    }
  }
  if (rare_a + rare_b > 0) add(rare_a, rare_b);
  --result.degrees;
  return result;
}

TEST(BeamSampleTest, FindsEveryTextAsOftenAsTransformers) {
  const Json all = table_runs();
  ASSERT_GE(all.size(), 8U);
  for (const Json& entry : all) {
    const auto result = compared(searched(entry), entry["counts"].get<Counts>());
    EXPECT_GT(result.degrees, 5) << entry["settings"];
    EXPECT_LT(result.statistic, testing::chi_square_limit(result.degrees)) << entry["settings"];
  }
}

// Companions: another temperature or a search without drawing is noticed.
TEST(BeamSampleTest, AnotherTemperatureFailsTheSameCheck) {
  for (const Json& entry : table_runs()) {
    const double temperature = entry["settings"]["temperature"].get<double>();
    const auto result = compared(searched(entry, {{"temperature", 1.2 * temperature}}),
                                 entry["counts"].get<Counts>());
    EXPECT_GT(result.statistic, testing::chi_square_limit(result.degrees)) << entry["settings"];
  }
}

TEST(BeamSampleTest, OneTokenMoreThanTheFiltersLeaveFailsTheSameCheck) {
  int changed = 0;
  for (const Json& entry : table_runs()) {
    if (!entry["settings"].contains("top_k") || entry["settings"]["top_k"] == 0) continue;
    ++changed;
    const Json wider{{"top_k", entry["settings"]["top_k"].get<int>() + 1}};
    const auto result = compared(searched(entry, wider), entry["counts"].get<Counts>());
    EXPECT_GT(result.statistic, testing::chi_square_limit(result.degrees)) << entry["settings"];
  }
  EXPECT_GE(changed, 2);
}

}  // namespace
}  // namespace medgen
