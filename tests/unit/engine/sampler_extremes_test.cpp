// Every setting at the ends of its range: what is drawn is a token that may be drawn, as often as
// the probabilities say.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"
#include "engine/sampler.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

constexpr std::size_t kVocab = 150;  // two blocks and a part of one
constexpr double kExtremes[] = {-1.7e308, -1e46, -2,   -1e-46, 5e-324, 1e-300, 1e-46, 1e-30,
                                1e-7,     0.3,   0.5,  0.999,  1,      2,      100,   1e19,
                                1e30,     1e40,  1e46, 1e154,  1e300,  1.7e308};

// Some cannot be drawn, as a model may say.
std::vector<float> logits_of(std::uint64_t seed) {
  std::vector<float> logits;
  for (std::uint32_t i = 0; i < kVocab; ++i) {
    logits.push_back(static_cast<float>(12 * base::uniform({.seed = seed}, i) - 9));
  }
  for (const std::size_t gone : {3U, 64U, 149U}) {
    logits[gone] = -std::numeric_limits<float>::infinity();
  }
  return logits;
}

struct Case {
  std::vector<float> logits = logits_of(1), unconditional = logits_of(2);
  std::vector<TokenId> prompt = {5, 6, 7, 5, 6}, generated = {9, 5, 6, 7, 9, 5, 6}, eos = {11};
  SamplingParams params = {.top_k = 0, .top_p = 1};

  DecodingContext context() const {
    return {.prompt = prompt,
            .generated = generated,
            .eos = eos,
            .max_length = 100,
            .mirostat_mu = 2 * params.mirostat_tau,
            .unconditional = unconditional};
  }
};

// The draws of many coins are spread as the probabilities are.
void expect_right(const Case& c) {
  Sampler sampler;
  const std::vector<float> p = sampler.processed_probabilities(c.logits, c.params, c.context());
  double total = 0;
  for (const float x : p) {
    ASSERT_TRUE(x >= 0 && x <= 1);  // false for NaN
    total += static_cast<double>(x);
  }
  ASSERT_NEAR(total, 1, 1e-4);
  constexpr int kDraws = 150;
  std::vector<double> drawn(kVocab, 0);
  for (int i = 0; i < kDraws; ++i) {
    const Draw draw = sampler.sample(c.logits, c.params, c.context(), (i + 0.5) / kDraws);
    const auto token = static_cast<std::size_t>(draw.token);
    ASSERT_LT(token, kVocab);
    ASSERT_GT(c.logits[token], -std::numeric_limits<float>::infinity());
    ASSERT_TRUE(draw.processed_logprob <= 1e-9 && draw.logprob <= 1e-6) << token;
    drawn[token] += 1.0 / kDraws;
  }
  for (std::size_t i = 0; i < kVocab; ++i) {
    ASSERT_NEAR(drawn[i], static_cast<double>(p[i]), 2.1 / kDraws) << "token " << i;
  }
}

// Nothing where the value is not allowed.
std::optional<SamplingParams> with(const SamplingParams& base, std::string_view name,
                                   double value) {
  try {
    SettingsJson given;
    given[std::string(name)] = value;
    DecodingSettings defaults;
    defaults.sampling = base;
    return make_settings(given, defaults).sampling;
  } catch (const Error&) {
    return std::nullopt;
  }
}

TEST(SamplerExtremesTest, AnyNumberInAnySettingDrawsByTheProbabilities) {
  int tried = 0;
  for (const SettingInfo& info : setting_infos()) {
    if (info.kind != SettingKind::kNumber) continue;
    for (const double temperature : {1.0, 0.7, 1e-320, 1e46}) {
      for (const double value : kExtremes) {
        Case c;
        c.params.temperature = temperature;
        c.params.dry_multiplier = 0.8;
        if (info.name == "dynatemp_exponent") c.params.dynatemp_range = 0.5;
        if (info.name == "xtc_threshold") c.params.xtc_probability = 1;
        if (info.name.starts_with("mirostat")) c.params.mirostat = 2;
        const auto params = with(c.params, info.name, value);
        if (!params || params->temperature == 0) continue;
        c.params = *params;
        SCOPED_TRACE(std::string(info.name) + " " + std::to_string(std::log10(std::abs(value))) +
                     (value < 0 ? " below 0" : "") + ", temperature " +
                     std::to_string(std::log10(c.params.temperature)));
        expect_right(c);
        if (HasFatalFailure()) return;
        ++tried;
      }
    }
  }
  EXPECT_GT(tried, 500);
}

TEST(SamplerExtremesTest, PairsOfExtremesDrawByTheProbabilities) {
  const char* const names[] = {"temperature", "repetition_penalty", "guidance_scale",
                               "top_n_sigma", "typical_p",          "eta_cutoff",
                               "min_p",       "dynatemp_range",     "dry_multiplier"};
  for (const char* first : names) {
    for (const char* second : names) {
      for (const double a : {1e-300, 1e-46, 0.5, 1e46, 1.7e308}) {
        for (const double b : {1e-320, 0.9, 1e46, 1.7e308}) {
          Case c;
          const auto one = with(c.params, first, a);
          const auto two = one ? with(*one, second, b) : std::nullopt;
          if (!two || two->temperature == 0) continue;
          c.params = *two;
          SCOPED_TRACE(std::string(first) + " " + std::to_string(std::log10(a)) + ", " + second +
                       " " + std::to_string(std::log10(b)));
          expect_right(c);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(SamplerExtremesTest, ExtremesOfListsAndOfOrdersDrawByTheProbabilities) {
  for (const double bias : {-1.7e308, -1e40, 1e40, 1.7e308}) {
    for (const double factor : {5e-324, 1e-40, 1e40, 1.7e308}) {
      for (const char* order : {"hf", "vllm", "llama", "temperature,repetition_penalty"}) {
        for (const double temperature : {1e-320, 1.0, 1e46, 1.7e308}) {
          Case c;
          c.params.temperature = temperature;
          c.params.repetition_penalty = 1e300;
          c.params.sequence_bias = {{{6, 5}, bias}, {{7}, bias}, {{7}, bias}, {{8}, bias / 2}};
          c.params.exponential_decay_length_penalty = {0, factor};
          DecodingSettings defaults;
          defaults.sampling = c.params;
          c.params = make_settings({{"sampler_order", order}}, defaults).sampling;
          SCOPED_TRACE(std::to_string(bias > 0 ? std::log10(bias) : -std::log10(-bias)) + " " +
                       std::to_string(std::log10(factor)) + " " + order + " " +
                       std::to_string(std::log10(temperature)));
          expect_right(c);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(SamplerExtremesTest, AHugeTemperatureMakesAllTokensAsLikely) {
  for (const double temperature : {1e30, 1e39, 1e46, 1e200, 1.7e308}) {
    Case c;
    c.params.temperature = temperature;
    std::vector<int> times(kVocab, 0);
    Sampler sampler;
    for (int i = 0; i < 147 * 4; ++i) {
      const Draw draw = sampler.sample(c.logits, c.params, c.context(), (i + 0.5) / (147 * 4));
      ++times[static_cast<std::size_t>(draw.token)];
    }
    for (std::size_t i = 0; i < kVocab; ++i) {
      EXPECT_EQ(times[i], std::isinf(c.logits[i]) ? 0 : 4) << temperature << ", token " << i;
    }
  }
}

}  // namespace
}  // namespace medgen::engine
