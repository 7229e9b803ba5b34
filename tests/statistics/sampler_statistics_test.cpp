// Sampled frequencies against exact probabilities, and independence between samples, prompts and
// steps. All seeds are fixed; each check has a companion that shows it would detect a small bias.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"
#include "engine/sampler.h"
#include "statistics/chi_square.h"
#include "unit/engine/fake_backend.h"

namespace medgen {
namespace {

using testing::chi_square;
using testing::chi_square_limit;
using testing::kNormalQuantile;

constexpr std::uint32_t kDraws = 100000;

// A long-tailed row of 200 tokens, like a language model's.
std::vector<float> long_tail() {
  std::vector<float> logits;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const double rank = 1 + std::floor(200 * base::uniform({.seed = 99}, i));
    logits.push_back(
        static_cast<float>(-1.1 * std::log(rank) + 0.5 * base::uniform({.seed = 98}, i)));
  }
  return logits;
}

// The exact distribution, in double and by full sorting: independent of the sampler's code.
std::vector<double> exact(const std::vector<float>& logits, double temperature, std::size_t top_k,
                          double top_p) {
  std::vector<std::pair<double, std::size_t>> ranked;
  double total = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    ranked.emplace_back(std::exp(static_cast<double>(logits[i]) / temperature), i);
  }
  std::sort(ranked.rbegin(), ranked.rend());
  if (top_k > 0) ranked.resize(top_k);
  for (const auto& entry : ranked) total += entry.first;
  double mass = 0;
  std::size_t kept = 0;
  while (kept < ranked.size() && mass < top_p * total) mass += ranked[kept++].first;
  std::vector<double> probabilities(logits.size(), 0.0);
  for (std::size_t i = 0; i < kept; ++i) probabilities[ranked[i].second] = ranked[i].first / mass;
  return probabilities;
}

std::vector<std::uint64_t> sampled(const std::vector<float>& logits, const SamplingParams& params,
                                   std::uint32_t draws = kDraws) {
  engine::Sampler sampler;
  std::vector<std::uint64_t> counts(logits.size(), 0);
  for (std::uint32_t i = 0; i < draws; ++i) {
    // As generate() asks for them: many prompts and samples, few steps of each.
    const base::RandomKey key{.seed = params.seed, .request = i / 100, .sample = i / 10 % 10};
    const engine::DecodingContext context{.mirostat_mu = 2 * params.mirostat_tau};
    const engine::Draw draw = sampler.sample(logits, params, context, base::uniform(key, i % 10));
    ++counts[static_cast<std::size_t>(draw.token)];
  }
  return counts;
}

struct Setting {
  const char* name = "";
  SamplingParams params;
};
const Setting kSettings[] = {
    {"temperature 1", {.temperature = 1, .top_k = 0, .top_p = 1, .seed = 1}},
    {"temperature 0.7", {.temperature = 0.7F, .top_k = 0, .top_p = 1, .seed = 2}},
    {"temperature 1.8", {.temperature = 1.8F, .top_k = 0, .top_p = 1, .seed = 3}},
    {"top-k", {.temperature = 1, .top_k = 20, .top_p = 1, .seed = 4}},
    {"top-p", {.temperature = 1, .top_k = 0, .top_p = 0.8F, .seed = 5}},
    {"all three", {.temperature = 1.3F, .top_k = 60, .top_p = 0.9F, .seed = 6}},
};

TEST(SamplerStatisticsTest, FrequenciesMatchExactProbabilities) {
  const std::vector<float> logits = long_tail();
  for (const Setting& setting : kSettings) {
    const SamplingParams& params = setting.params;
    const auto expected =
        exact(logits, static_cast<double>(params.temperature),
              static_cast<std::size_t>(params.top_k), static_cast<double>(params.top_p));
    const auto result = chi_square(sampled(logits, params), expected);
    EXPECT_GT(result.degrees, 10) << setting.name;
    EXPECT_LT(result.statistic, chi_square_limit(result.degrees)) << setting.name;
  }
}

// What the steps say may be drawn, in double: checked against other implementations elsewhere.
std::vector<double> by_steps(const std::vector<float>& logits, const SamplingParams& params) {
  engine::Sampler sampler;
  engine::Candidates& left =
      sampler.distribution(logits, params, {.mirostat_mu = 2 * params.mirostat_tau});
  std::vector<double> probabilities(logits.size(), 0.0);
  for (std::size_t i = 0; i < left.size(); ++i) {
    probabilities[static_cast<std::size_t>(left.id(i))] = left.probability(i);
  }
  return probabilities;
}

const Setting kFilters[] = {
    {"min_p", {.temperature = 1, .top_k = 0, .min_p = 0.02, .seed = 7}},
    {"typical_p", {.temperature = 1, .top_k = 0, .typical_p = 0.8, .seed = 8}},
    {"epsilon_cutoff", {.temperature = 1, .top_k = 0, .epsilon_cutoff = 0.003, .seed = 9}},
    {"eta_cutoff", {.temperature = 1, .top_k = 0, .eta_cutoff = 0.003, .seed = 10}},
    {"top_h", {.temperature = 1, .top_k = 0, .top_h = 0.8, .seed = 11}},
    {"top_n_sigma", {.temperature = 1, .top_k = 0, .top_n_sigma = 3, .seed = 12}},
    {"xtc",
     {.temperature = 1, .top_k = 0, .xtc_probability = 1, .xtc_threshold = 0.05, .seed = 13}},
    {"dynatemp", {.temperature = 1, .top_k = 0, .dynatemp_range = 0.5, .seed = 14}},
    {"mirostat", {.temperature = 1, .top_k = 0, .mirostat = 2, .mirostat_tau = 3.5, .seed = 15}},
    {"llama",
     {.temperature = 0.8,
      .top_k = 40,
      .top_p = 0.95,
      .min_p = 0.01,
      .sampler_order = {"llama"},
      .seed = 16}},
};

TEST(SamplerStatisticsTest, FrequenciesMatchForEveryFilter) {
  const std::vector<float> logits = long_tail();
  for (const Setting& setting : kFilters) {
    constexpr std::uint32_t kFewer = 30000;
    const std::vector<double> expected = by_steps(logits, setting.params);
    const auto result = chi_square(sampled(logits, setting.params, kFewer), expected);
    EXPECT_GT(result.degrees, 7) << setting.name;
    EXPECT_LT(result.statistic, chi_square_limit(result.degrees)) << setting.name;
    SamplingParams other = setting.params;  // the companion: slightly hotter must be detected
    other.temperature *= 1.25;
    const auto red = chi_square(sampled(logits, other, kFewer), expected);
    EXPECT_GT(red.statistic, chi_square_limit(red.degrees)) << setting.name;
  }
}

TEST(SamplerStatisticsTest, ABiasedSamplerFailsTheSameCheck) {
  const std::vector<float> logits = long_tail();
  const auto statistic = [&](const SamplingParams& drawn, const std::vector<double>& expected) {
    const auto result = chi_square(sampled(logits, drawn), expected);
    return result.statistic / chi_square_limit(result.degrees);
  };
  // Five percent off in temperature; one token more or fewer than top-k; top-p a little too wide.
  EXPECT_GT(statistic({.temperature = 1.05F, .top_k = 0, .top_p = 1}, exact(logits, 1, 0, 1)), 1);
  EXPECT_GT(statistic({.temperature = 0.95F, .top_k = 0, .top_p = 1}, exact(logits, 1, 0, 1)), 1);
  EXPECT_GT(statistic({.temperature = 1, .top_k = 21, .top_p = 1}, exact(logits, 1, 20, 1)), 1);
  EXPECT_GT(statistic({.temperature = 1, .top_k = 19, .top_p = 1}, exact(logits, 1, 20, 1)), 1);
  EXPECT_GT(statistic({.temperature = 1, .top_k = 0, .top_p = 0.82F}, exact(logits, 1, 0, 0.8)), 1);
}

// Correlation of the coins of two streams, in standard errors.
double correlation(const base::RandomKey& a, const base::RandomKey& b, std::uint32_t lag = 0) {
  double sum = 0;
  for (std::uint32_t i = 0; i < kDraws; ++i)
    sum += (base::uniform(a, i) - 0.5) * (base::uniform(b, i + lag) - 0.5);
  return sum / kDraws * 12 * std::sqrt(static_cast<double>(kDraws));
}

TEST(RandomStatisticsTest, NeighbouringStreamsAreUncorrelated) {
  const base::RandomKey base{.seed = 42, .request = 7, .sample = 0};
  base::RandomKey sample = base;
  base::RandomKey request = base;
  base::RandomKey seed = base;
  sample.sample = 1;
  request.request = 8;
  seed.seed = 43;
  EXPECT_LT(std::abs(correlation(base, sample)), kNormalQuantile);
  EXPECT_LT(std::abs(correlation(base, request)), kNormalQuantile);
  EXPECT_LT(std::abs(correlation(base, seed)), kNormalQuantile);
  EXPECT_LT(std::abs(correlation(sample, request)), kNormalQuantile);
  EXPECT_LT(std::abs(correlation(base, base, 1)), kNormalQuantile) << "step to step";
}

TEST(RandomStatisticsTest, ASharedStreamFailsTheSameCheck) {
  const base::RandomKey base{.seed = 42, .request = 7, .sample = 0};
  EXPECT_GT(std::abs(correlation(base, base)), kNormalQuantile);
}

TEST(RandomStatisticsTest, CoinsAreUniform) {
  std::vector<std::uint64_t> counts(1000, 0);
  for (std::uint32_t i = 0; i < kDraws; ++i) {
    ++counts[static_cast<std::size_t>(1000 * base::uniform({.seed = 3, .request = i / 7}, i % 7))];
  }
  const auto result = chi_square(counts, std::vector<double>(1000, 1e-3));
  EXPECT_LT(result.statistic, chi_square_limit(999));
}

// Pairs (token of one sequence, token of another) through generate() itself, against independence.
testing::ChiSquare pairs(bool same_key) {
  constexpr int kVocab = 4;
  const std::vector<double> probabilities = {0.4, 0.3, 0.2, 0.1};
  const auto logits = [&](const testing::History&) {
    std::vector<float> row;
    for (const double p : probabilities) row.push_back(static_cast<float>(std::log(p)));
    return row;
  };
  std::vector<Request> requests(200);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].id = same_key ? i / 2 : i;
    requests[i].prompt = {0};
    requests[i].sampling = {.temperature = 1, .top_k = 0, .top_p = 1, .seed = 11};
    requests[i].stopping.max_new_tokens = 100;
  }
  struct Texts : GenerationObserver {
    void on_text(std::uint64_t, int, std::string_view) override {}
    void on_finish(std::uint64_t, const Completion& completion) override {
      texts.push_back(completion.text);
    }
    std::vector<std::string> texts;
  } observer;
  testing::FakeBackend backend(kVocab, 200, 1, logits);  // one slot: they finish in order
  generate(backend, testing::letters(kVocab), requests, observer);
  std::vector<std::uint64_t> counts(kVocab * kVocab, 0);
  std::vector<double> expected;
  for (const double a : probabilities) {
    for (const double b : probabilities) expected.push_back(a * b);
  }
  for (std::size_t i = 0; i + 1 < observer.texts.size(); i += 2) {
    for (std::size_t step = 0; step < 100; ++step) {
      const auto token = [&](const std::string& text) {
        return static_cast<std::size_t>(text[step] - 'a');
      };
      ++counts[token(observer.texts[i]) * kVocab + token(observer.texts[i + 1])];
    }
  }
  return chi_square(counts, expected);
}

TEST(GenerateStatisticsTest, EqualPromptsOfABatchAreIndependent) {
  EXPECT_LT(pairs(false).statistic, chi_square_limit(15));
}

TEST(GenerateStatisticsTest, SharedKeysFailTheSameCheck) {
  EXPECT_GT(pairs(true).statistic, chi_square_limit(15));
}

// The limit against exact quantiles of the chi-square distribution (upper tail 1e-6).
TEST(ChiSquareTest, LimitIsCloseToTheExactQuantile) {
  EXPECT_NEAR(chi_square_limit(10), 46.863, 1.2);
  EXPECT_NEAR(chi_square_limit(100), 182.127, 0.4);
}

TEST(ChiSquareTest, WorkedExampleIsReproduced) {
  const std::vector<std::uint64_t> counts = {30, 10, 20};
  const auto result = chi_square(counts, std::vector<double>(3, 1.0 / 3));
  EXPECT_NEAR(result.statistic, 10, 1e-9);
  EXPECT_EQ(result.degrees, 2);
  const std::vector<std::uint64_t> impossible = {30, 1};
  EXPECT_EQ(chi_square(impossible, std::vector<double>{1, 0}).statistic, INFINITY);
}

}  // namespace
}  // namespace medgen
