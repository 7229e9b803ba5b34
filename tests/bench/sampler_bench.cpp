// Time of a token drawn from GPT-2's vocabulary of 50,257, for the settings that people use and for
// each filter over the whole vocabulary. Prints; asserts nothing.
#include <benchmark/benchmark.h>

#include <cmath>

#include "base/random.h"
#include "engine/sampler.h"

namespace medgen {
namespace {

constexpr std::uint32_t kVocab = 50257;

// A long-tailed row as a language model gives it.
std::vector<float> row() {
  std::vector<float> logits;
  for (std::uint32_t i = 0; i < kVocab; ++i) {
    const double rank = 1 + std::floor(kVocab * base::uniform({.seed = 99}, i));
    logits.push_back(static_cast<float>(-1.3 * std::log(rank) + base::uniform({.seed = 98}, i)));
  }
  return logits;
}

void draw(benchmark::State& state, const SamplingParams& params) {
  const std::vector<float> logits = row();
  engine::Sampler sampler;
  std::uint32_t place = 0;
  for ([[maybe_unused]] auto _ : state) {
    const engine::Draw drawn = sampler.sample(logits, params, base::uniform({.seed = 1}, place++));
    benchmark::DoNotOptimize(drawn.token);
  }
}

SamplingParams params(double temperature, int top_k = 0, double top_p = 1) {
  return {.temperature = temperature, .top_k = top_k, .top_p = top_p};
}

template <class Change>
SamplingParams with(Change change) {
  SamplingParams p = params(0.8);
  change(p);
  return p;
}

const bool kRegistered = [] {
  const auto add = [](const char* name, const SamplingParams& p) {
    benchmark::RegisterBenchmark(name, [p](benchmark::State& state) {
      draw(state, p);
    })->Unit(benchmark::kMicrosecond);
  };
  add("greedy", params(0));
  add("temperature", params(0.8));
  add("top_k_50", params(0.8, 50));
  add("top_k_50_top_p_0.95", params(0.8, 50, 0.95));
  add("top_p_0.95", params(0.8, 0, 0.95));
  add("top_p_0.5", params(0.8, 0, 0.5));
  add("min_p_0.05", with([](SamplingParams& p) { p.min_p = 0.05; }));
  add("typical_p_0.95", with([](SamplingParams& p) { p.typical_p = 0.95; }));
  add("epsilon_cutoff", with([](SamplingParams& p) { p.epsilon_cutoff = 3e-4; }));
  add("eta_cutoff", with([](SamplingParams& p) { p.eta_cutoff = 3e-4; }));
  add("top_h_0.4", with([](SamplingParams& p) { p.top_h = 0.4; }));
  add("top_n_sigma_1", with([](SamplingParams& p) { p.top_n_sigma = 1; }));
  add("mirostat", with([](SamplingParams& p) { p.mirostat = 2; }));
  add("dynatemp", with([](SamplingParams& p) { p.dynatemp_range = 0.3; }));
  add("suppress_top_k_50", with([](SamplingParams& p) { p.suppress_tokens = {7}, p.top_k = 50; }));
  return true;
}();

}  // namespace
}  // namespace medgen

BENCHMARK_MAIN();
