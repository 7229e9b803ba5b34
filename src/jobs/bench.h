// Where generation spends its time on this machine, and how far that is from what the machine can
// do. Tokens are random and nothing ends early, so only the model's shape matters.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "medgen/backend.h"
#include "medgen/backend_options.h"
#include "native/machine_rates.h"

namespace medgen::jobs {

// What is unset is chosen by the model's context.
struct BenchAsked {
  std::optional<std::string> model;  // see open_model()
  BackendOptions backend;
  std::vector<int> sequences = {1, 3, 16, 64};  // how many at once
  std::optional<int> prompt_tokens, new_tokens, prefill_tokens, repeats;
  // Called once the model is loaded.
  std::function<void()> loaded = {};
};

struct BenchSettings {
  std::vector<int> sequences;
  int prompt_tokens = 16;
  int new_tokens = 128;
  int prefill_tokens = 512;
  int repeats = 5;
};

// Median, least and most of a measurement.
struct Spread {
  double median = 0, least = 0, most = 0;
};

struct DecodeResult {
  int sequences = 0;
  Spread tokens_per_second;
  // For a step of the median repeat, in ms:
  double step = 0, matrices = 0, attention = 0, sampling = 0, rest = 0;
};

struct BenchResult {
  BackendInfo backend;
  std::string isa;  // of the native engine; else empty
  BenchSettings settings;
  double load_ms = 0, first_token_ms = 0;
  Spread prefill_per_second, scored_per_second;  // tokens
  std::vector<DecodeResult> decode;
  double weight_bytes = 0, multiplications = 0;  // that a step reads and a token takes
  double bandwidth = 0;                          // bytes a second
  std::vector<native::MultiplyRate> rates;
  long peak_memory_kb = 0;
};

// Throws Error(kUsage) for what is out of range, Error(kModel).
BenchResult bench(const BenchAsked& asked);

}  // namespace medgen::jobs
