// The sampler against Hugging Face's rules, worked out by hand or by a slow reference beside it.
#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/random.h"
#include "engine/fixed_exp.h"
#include "engine/fixed_math.h"
#include "engine/row_loops.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
const SamplingParams kPlain{.temperature = 1, .top_k = 0, .top_p = 1};

std::vector<float> random_logits(std::size_t n, std::uint64_t seed, float width = 8) {
  std::vector<float> logits;
  for (std::uint32_t i = 0; i < n; ++i) {
    logits.push_back(width * static_cast<float>(base::uniform({.seed = seed}, i)));
  }
  return logits;
}

std::vector<float> log_of(std::vector<float> probabilities) {
  for (float& p : probabilities) p = std::log(p);
  return probabilities;
}

std::vector<TokenId> kept(std::span<const float> logits, const SamplingParams& params) {
  const std::vector<float> probabilities = Sampler().processed_probabilities(logits, params);
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    if (probabilities[i] > 0) ids.push_back(static_cast<TokenId>(i));
  }
  return ids;
}

// Hugging Face's processors as they are written, in double: sort everything, cumulate from the
// least likely, drop while the sum is at most 1 - p.
std::vector<double> reference(const std::vector<float>& logits, const SamplingParams& params) {
  std::vector<double> scores(logits.begin(), logits.end());
  for (double& score : scores) score /= static_cast<double>(params.temperature);
  if (params.top_k > 0 && params.top_k < static_cast<int>(scores.size())) {
    std::vector<double> sorted = scores;
    std::sort(sorted.rbegin(), sorted.rend());
    const double kth = sorted[static_cast<std::size_t>(params.top_k - 1)];
    for (double& score : scores) score = score < kth ? -INFINITY : score;
  }
  const auto softmax = [&] {
    const double highest = *std::max_element(scores.begin(), scores.end());
    std::vector<double> p;
    for (const double score : scores) p.push_back(std::exp(score - highest));
    const double total = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& x : p) x /= total;
    return p;
  };
  if (params.top_p < 1) {
    const std::vector<double> p = softmax();
    std::vector<std::size_t> order(p.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return p[a] != p[b] ? p[a] < p[b] : a < b; });
    double cumulative = 0;
    for (std::size_t i = 0; i + 1 < order.size(); ++i) {
      cumulative += p[order[i]];
      if (cumulative <= 1 - static_cast<double>(params.top_p)) scores[order[i]] = -INFINITY;
    }
  }
  return softmax();
}

TEST(SamplerTest, AgreesWithTheReferenceOnRandomLogits) {
  Sampler sampler;  // one for all, so that stale buffers would show
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const std::vector<float> logits = random_logits(50 + seed * 37, seed);
    for (const float temperature : {0.3F, 1.0F, 2.0F}) {
      for (const int top_k : {0, 1, 3, 40, 5000}) {
        for (const float top_p : {0.001F, 0.33F, 0.9F, 0.999F, 1.0F}) {
          const SamplingParams params{.temperature = temperature, .top_k = top_k, .top_p = top_p};
          const auto actual = sampler.processed_probabilities(logits, params);
          const auto expected = reference(logits, params);
          for (std::size_t i = 0; i < logits.size(); ++i) {
            ASSERT_NEAR(static_cast<double>(actual[i]), expected[i], 1e-6)
                << "T " << temperature << " k " << top_k << " p " << top_p << " token " << i;
          }
        }
      }
    }
  }
}

TEST(SamplerTest, TiesAtTheKthValueStay) {
  const std::vector<float> logits = {1, 3, 2, 2, 0, 2};
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 1, .top_p = 1}), ElementsAre(1));
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 2, .top_p = 1}), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 5, .top_p = 1}), ElementsAre(0, 1, 2, 3, 5));
}

TEST(SamplerTest, TopKIsExactOverManyRefills) {
  std::vector<float> rising(3000);
  std::iota(rising.begin(), rising.end(), 0.0F);
  std::vector<float> falling(rising.rbegin(), rising.rend());
  for (const int k : {1, 2, 127, 128, 129, 1000, 2999}) {
    const SamplingParams params{.temperature = 100, .top_k = k, .top_p = 1};
    EXPECT_EQ(kept(rising, params).front(), 3000 - k);
    EXPECT_EQ(kept(falling, params).back(), k - 1);
    EXPECT_EQ(kept(rising, params).size(), static_cast<std::size_t>(k));
  }
}

TEST(SamplerTest, TheTokenThatCrossesTopPStays) {
  const std::vector<float> logits = log_of({0.1F, 0.5F, 0.15F, 0.25F});
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 0, .top_p = 0.49F}), ElementsAre(1));
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 0, .top_p = 0.51F}), ElementsAre(1, 3));
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 0, .top_p = 0.76F}), ElementsAre(1, 2, 3));
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 0, .top_p = 0.91F}),
              ElementsAre(0, 1, 2, 3));
}

TEST(SamplerTest, MassThatReachesTopPExactlyIsEnough) {
  const std::vector<float> equal(4, 0.0F);  // a quarter each, exactly
  EXPECT_THAT(kept(equal, {.temperature = 1, .top_k = 0, .top_p = 0.5F}), ElementsAre(2, 3));
  EXPECT_THAT(kept(equal, {.temperature = 1, .top_k = 0, .top_p = 0.50001F}), ElementsAre(1, 2, 3));
}

TEST(SamplerTest, TopPKeepsAtLeastOneToken) {
  EXPECT_THAT(kept(std::vector<float>{0, 0, 0}, {.temperature = 1, .top_k = 0, .top_p = 1e-30F}),
              ElementsAre(2));  // Hugging Face's order of equals: the lowest ids go first
}

TEST(SamplerTest, TopPWorksOnWhatTopKLeft) {
  // 0.4 and 0.3 are 0.57 and 0.43 of what top-k leaves.
  const std::vector<float> logits = log_of({0.4F, 0.3F, 0.2F, 0.1F});
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 2, .top_p = 0.5F}), ElementsAre(0));
  EXPECT_THAT(kept(logits, {.temperature = 1, .top_k = 0, .top_p = 0.5F}), ElementsAre(0, 1));
}

TEST(SamplerTest, TemperatureDividesTheLogitsBeforeTopP) {
  const auto p = Sampler().processed_probabilities(std::vector<float>{0, 1},
                                                   {.temperature = 0.5F, .top_k = 0, .top_p = 1});
  EXPECT_THAT(p, ElementsAre(FloatNear(0.1192029F, 1e-6F), FloatNear(0.8807971F, 1e-6F)));
}

TEST(SamplerTest, GreedyTakesTheLowestIdAmongEquals) {
  const Draw draw = Sampler().sample(std::vector<float>{1, 4, -kInf, 4}, {.temperature = 0}, 0.99);
  EXPECT_EQ(draw.token, 1);
  EXPECT_EQ(draw.processed_logprob, 0);
  EXPECT_NEAR(draw.logprob, -std::log(2 + std::exp(-3.0)), 1e-6);
  EXPECT_THAT(kept(std::vector<float>{1, 4, -kInf, 4}, {.temperature = 0}), ElementsAre(1));
}

TEST(SamplerTest, GreedyTakesTheSameTokenHoweverItLooks) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::vector<float> logits = random_logits(300, seed);
    const auto best =
        static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    if (seed % 2 == 1) logits[299] = logits[best];  // another as high, in another block
    for (const SamplingParams& params :
         {SamplingParams{.temperature = 0}, SamplingParams{.temperature = 0, .logprobs = 0},
          SamplingParams{.temperature = 0, .suppress_tokens = {best == 7 ? 8 : 7}}}) {
      EXPECT_EQ(Sampler().sample(logits, params, 0.5).token, static_cast<TokenId>(best)) << seed;
    }
  }
}

TEST(SamplerTest, TinyTemperaturesTakeTheMostLikely) {
  for (const float temperature : {1e-4F, 1e-8F, 1e-38F, std::numeric_limits<float>::denorm_min()}) {
    for (const float shift : {0.0F, -1000.0F, 1e6F}) {
      const std::vector<float> logits = {shift, shift + 1, shift + 0.5F};
      for (const double coin : {0.0, 0.5, 0x1.fffffffffffffp-1}) {
        const Draw draw = Sampler().sample(
            logits, {.temperature = temperature, .top_k = 50, .top_p = 0.9F}, coin);
        EXPECT_EQ(draw.token, 1) << temperature << " " << shift;
        EXPECT_EQ(draw.processed_logprob, 0);
      }
    }
  }
}

TEST(SamplerTest, HugeTemperaturesAreFlat) {
  const auto p = Sampler().processed_probabilities(std::vector<float>{-50, 50},
                                                   {.temperature = 1e30F, .top_k = 0, .top_p = 1});
  EXPECT_THAT(p, ElementsAre(FloatNear(0.5F, 1e-6F), FloatNear(0.5F, 1e-6F)));
}

TEST(SamplerTest, CoinWalksTheTokensInOrderOfId) {
  const std::vector<float> logits = log_of({0.25F, 0.5F, 0.25F});
  Sampler sampler;
  EXPECT_EQ(sampler.sample(logits, kPlain, 0).token, 0);
  EXPECT_EQ(sampler.sample(logits, kPlain, 0.2499).token, 0);
  EXPECT_EQ(sampler.sample(logits, kPlain, 0.2501).token, 1);
  EXPECT_EQ(sampler.sample(logits, kPlain, 0.7499).token, 1);
  EXPECT_EQ(sampler.sample(logits, kPlain, 0.7501).token, 2);
  EXPECT_EQ(sampler.sample(logits, kPlain, 0x1.fffffffffffffp-1).token, 2);
}

TEST(SamplerTest, NeverDrawsMinusInfinity) {
  const std::vector<float> logits = {-kInf, 0, -kInf, 0, -kInf};
  for (const int top_k : {0, 1, 4}) {
    const SamplingParams params{.temperature = 1, .top_k = top_k, .top_p = 0.99F};
    EXPECT_THAT(kept(logits, params), ElementsAre(1, 3));
    EXPECT_EQ(Sampler().sample(logits, params, 0).token, 1);
    EXPECT_EQ(Sampler().sample(logits, params, 0x1.fffffffffffffp-1).token, 3);
  }
}

TEST(SamplerTest, ReportsTheModelsAndTheProcessedLogprob) {
  const Draw draw =
      Sampler().sample(log_of({0.5F, 0.3F, 0.2F}), {.temperature = 1, .top_k = 2, .top_p = 1}, 0.9);
  EXPECT_EQ(draw.token, 1);
  EXPECT_NEAR(draw.logprob, std::log(0.3), 1e-6);
  EXPECT_NEAR(draw.processed_logprob, std::log(0.375), 1e-6);
}

TEST(SamplerTest, LogprobsAreStableForLogitsFarFromZero) {
  std::vector<float> logits = random_logits(1000, 3);
  const double near = Sampler().sample(logits, kPlain, 0.4).logprob;
  for (float& logit : logits) logit += 1024;
  EXPECT_NEAR(Sampler().sample(logits, kPlain, 0.4).logprob, near,
              1e-3);  // float32 keeps 2^-14 there
}

TEST(SamplerTest, RefusesNanAndInfinityWhereverTheyAre) {
  for (const std::size_t place : {0U, 63U, 64U, 129U}) {
    for (const float bad : {kNan, -kNan, kInf}) {
      std::vector<float> logits(130, 0.0F);
      logits[place] = bad;
      try {
        Sampler().sample(logits, kPlain, 0.5);
        ADD_FAILURE() << place;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kRuntime);
        EXPECT_THAT(error.what(), HasSubstr("NaN"));
      }
    }
  }
  EXPECT_THROW(Sampler().sample(std::vector<float>(70, -kInf), kPlain, 0.5), Error);
  EXPECT_THROW(Sampler().sample({}, kPlain, 0.5), Error);
}

// Settings that keep the same tokens draw the same one with the same coin, whichever way they take.
TEST(SamplerTest, SameKeptTokensAndCoinGiveTheSameToken) {
  const std::vector<float> logits = random_logits(300, 5);
  const auto same = [&](const SamplingParams& a, const SamplingParams& b) {
    Sampler sampler;
    for (std::uint32_t i = 0; i < 300; ++i) {
      const double coin = base::uniform({.seed = 9}, i);
      if (sampler.sample(logits, a, coin).token != sampler.sample(logits, b, coin).token)
        return false;
    }
    return true;
  };
  const SamplingParams all{.temperature = 0.7, .top_k = 0, .top_p = 1};
  EXPECT_TRUE(same(all, {.temperature = 0.7, .top_k = 300, .top_p = 1}));
  EXPECT_TRUE(same(all, {.temperature = 0.7, .top_k = 0, .top_p = 1, .min_p = 1e-30}));
  EXPECT_TRUE(same(all, {.temperature = 0.7, .top_k = 0, .top_p = 1, .epsilon_cutoff = 1e-30}));
  EXPECT_TRUE(same({.temperature = 0.7, .top_k = 9, .top_p = 1},
                   {.temperature = 0.7, .top_k = 9, .top_p = 1, .renormalize_logits = true}));
  EXPECT_FALSE(same(all, {.temperature = 0.7, .top_k = 5, .top_p = 1}));
}

TEST(SamplerTest, AlternativesSayWhichCouldBeDrawn) {
  const Draw draw = Sampler().sample(
      log_of({0.5F, 0.3F, 0.2F}), {.temperature = 1, .top_k = 2, .top_p = 1, .logprobs = 3}, 0.9);
  ASSERT_EQ(draw.alternatives.size(), 3U);
  EXPECT_EQ(draw.alternatives[1].token, 1);
  EXPECT_NEAR(draw.alternatives[1].logprob, std::log(0.3), 1e-6);
  EXPECT_NEAR(*draw.alternatives[1].processed_logprob, std::log(0.375), 1e-6);
  EXPECT_FALSE(draw.alternatives[2].processed_logprob);
  EXPECT_NEAR(draw.entropy, 1.0296530, 1e-6);
}

TEST(SamplerTest, EntropyIsThatOfTheModelWhateverIsGone) {
  std::vector<float> logits = random_logits(3000, 5, 12);
  logits[7] = -kInf;
  double total = 0, sum = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  for (const float logit : logits) {
    const double p = std::exp(static_cast<double>(logit)) / total;
    if (p > 0) sum -= p * std::log(p);
  }
  for (const int alternatives : {0, 2}) {
    const Draw draw =
        Sampler().sample(logits, {.temperature = 0.5, .top_k = 3, .logprobs = alternatives}, 0.5);
    EXPECT_NEAR(draw.entropy, sum, 1e-6 * sum);
  }
}

TEST(RowLoopsTest, LogTotalHasTheBitsOfADraw) {
  for (const std::size_t n : {1U, 64U, 1000U, 4096U, 4097U, 50257U}) {
    std::vector<float> x = random_logits(n, n, 120);
    const Draw draw = Sampler().sample(x, {}, 0.3);
    EXPECT_EQ(static_cast<double>(x[static_cast<std::size_t>(draw.token)]) - log_total(x.data(), n),
              draw.logprob);
    x[n / 2] = kNan;
    EXPECT_TRUE(std::isnan(log_total(x.data(), n)));
    x[n / 2] = kInf;
    EXPECT_TRUE(std::isnan(log_total(x.data(), n)));
  }
}

TEST(RowLoopsTest, AllInstructionSetsGiveTheSameBits) {
  const RowLoops& plain = *all_row_loops().front();
  for (const RowLoops* loops : all_row_loops()) {
    for (const std::size_t n : {1U, 7U, 8U, 63U, 64U, 65U, 1000U, 50257U}) {
      std::vector<float> x = random_logits(n, n, 120);
      x[n / 2] = -kInf;
      const std::vector<double> wide(x.begin(), x.end());
      const std::size_t blocks = (n + kRowBlock - 1) / kRowBlock;
      std::vector<float> maxima(blocks), other_maxima(blocks);
      EXPECT_FALSE(loops->block_maxima(x.data(), n, maxima.data()));
      EXPECT_FALSE(plain.block_maxima(x.data(), n, other_maxima.data()));
      EXPECT_EQ(maxima, other_maxima) << loops->name;
      std::vector<double> sums(blocks), other_sums(blocks), w(n), other_w(n);
      EXPECT_EQ(loops->exp_sum(x.data(), n, 120), plain.exp_sum(x.data(), n, 120));
      double weighted = 0, other_weighted = 0;
      EXPECT_EQ(loops->entropy_sums(x.data(), n, 120, &weighted), plain.exp_sum(x.data(), n, 120));
      plain.entropy_sums(x.data(), n, 120, &other_weighted);
      EXPECT_EQ(weighted, other_weighted) << loops->name;
      EXPECT_EQ(loops->draw_sums(x.data(), n, 120, 1.3F, sums.data()),
                plain.draw_sums(x.data(), n, 120, 1.3F, other_sums.data()));
      EXPECT_EQ(sums, other_sums) << loops->name;
      EXPECT_EQ(loops->weigh(wide.data(), n, 120, 1.3, w.data()),
                plain.weigh(wide.data(), n, 120, 1.3, other_w.data()));
      EXPECT_EQ(w, other_w) << loops->name;
      double drawn = 0;
      for (const float value : x) drawn += draw_weight(value, 120, 1.3F);
      EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), 0.0), drawn) << "sums are exact";
      x[n - 1] = kNan;
      EXPECT_TRUE(loops->block_maxima(x.data(), n, maxima.data())) << loops->name;
    }
  }
}

TEST(FixedMathTest, IsExactToDoublePrecision) {
  double worst = 0;
  for (double x = 0; x > -700; x -= 0.0137) {
    worst = std::max(worst, std::abs(fixed_exp64(x) / std::exp(x) - 1));
  }
  EXPECT_LT(worst, 1e-15);
  for (double x = 1e-300; x < 1e300; x *= 1.37) {
    EXPECT_NEAR(fixed_log64(x), std::log(x), 1e-15 * std::max(1.0, std::abs(std::log(x)))) << x;
  }
  EXPECT_NEAR(fixed_pow64(0.37, 2.5), std::pow(0.37, 2.5), 1e-15);
  EXPECT_EQ(fixed_power(1.5, 3), 3.375);
}

TEST(FixedExpTest, IsExpToSinglePrecision) {
  double worst = 0;
  for (float x = 0; x >= kFixedExpLowest; x -= 0.000937F) {
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(static_cast<double>(fixed_exp(x)) / exact - 1));
  }
  EXPECT_LT(worst, 2e-7);
  EXPECT_EQ(fixed_exp(0), 1);
}

}  // namespace
}  // namespace medgen::engine
