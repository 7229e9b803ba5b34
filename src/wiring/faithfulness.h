// How faithful the native engine is to a model: its precisions against fp32, and everything against
// TorchScript or the definition of the kernels.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "wiring/open_backend.h"

namespace medgen::wiring {

// exp(mean of -log p(token | tokens before it)), over windows of at most 256 tokens; the first
// token of a window is given, not predicted. In double from the logits. Of a vocabulary of millions
// only the first tokens count.
double probe_perplexity(Backend& backend, std::span<const int> tokens);

struct PrecisionReport {
  std::string auto_precision;
  std::vector<std::pair<std::string, double>> perplexity;  // "fp32", "bf16", "int8"
};

// Largest increase over fp32's perplexity that `auto` accepts.
inline constexpr double kMostPerplexityIncrease = 0.005;

// Called with the precision being packed and its progress.
using PrecisionProgress = std::function<void(const std::string& precision, int done, int total)>;

// Packs the model in every precision, measures each on the probe text, and keeps the packed weights
// of only the fastest faithful one: fp32 for a model that reads less than a million parameters in a
// step, without measuring the others. The result depends only on the model and its tokenizer.
PrecisionReport measure_precisions(const ModelSource& source,
                                   const PrecisionProgress& progress = {});

// The auto_precision of a lone TorchScript file, which has no manifest to say it: measured on first
// use and remembered in the user's cache.
std::string remembered_precision(const ModelSource& source, const PrecisionProgress& progress = {});

struct Check {
  std::string what;
  double value = 0;
  double bound = 0;  // passes if value <= bound
  bool holds() const { return value <= bound; }
};

// What the engine is compared with.
enum class Reference {
  kTorchScript,  // the same model run by libtorch, which shares no arithmetic with the engine
  kDefinition,   // open_definition(): what the other kernels and kept weights must give
};

// Runs the model's probe text through the reference and every precision, and, in the precision that
// `auto` stands for, every instruction set of this machine and several batchings and thread counts.
// A check of equal bytes counts the logits that differ.
std::vector<Check> verify_model(const ModelSource& source, const BackendOptions& options,
                                Reference reference);

}  // namespace medgen::wiring
