// What `medgen train` refuses.
#include "train/train_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "corpus/token_documents.h"
#include "medgen/error.h"

namespace medgen::train {
namespace {

template <typename T>
void require(bool holds, const char* name, const T& value, const char* allowed) {
  if (holds) return;
  std::string text;
  if constexpr (std::is_floating_point_v<T>) {
    text = fmt::format("{:g}", value);
  } else {
    text = fmt::format("{}", value);
  }
  std::string setting = name;
  std::replace(setting.begin(), setting.end(), '-', '_');
  std::string range = allowed;
  for (const std::string verb : {"it must be ", "it must lie "}) {
    if (range.starts_with(verb)) range.erase(0, verb.size());
  }
  throw SettingError(name, {setting, text, range, fmt::format(" is {}; {}", text, allowed)});
}

void require_rate(const char* name, double value) {
  require(std::isfinite(value) && value > 0 && value <= 10, name, value, "it must lie in (0, 10]");
}

}  // namespace

void validate(const TrainOptions& options) {
  if (options.data.empty()) {
    throw Error(ErrorCode::kUsage, "no training text; name at least one file with `data`");
  }
  require(options.tokens >= 1, "tokens", options.tokens, "it must be at least 1");
  require(options.batch_windows >= 1, "batch-windows", options.batch_windows,
          "it must be at least 1");
  require(
      options.micro_batch_windows >= 1 && options.batch_windows % options.micro_batch_windows == 0,
      "micro-batch-windows", options.micro_batch_windows, "it must divide batch-windows");
  require(options.optimizer == "muon" || options.optimizer == "adamw", "optimizer",
          options.optimizer, "it must be muon or adamw");
  require_rate("learning-rate", options.learning_rate);
  require_rate("muon-learning-rate", options.muon_learning_rate);
  require(options.weight_decay >= 0 && options.weight_decay <= 10, "weight-decay",
          options.weight_decay, "it must lie in [0, 10]");
  require(options.warmup_tokens >= 0, "warmup-tokens", options.warmup_tokens,
          "it must be 0 or more");
  require(options.constant_fraction >= 0 && options.constant_fraction <= 1, "constant-fraction",
          options.constant_fraction, "it must lie in [0, 1]");
  require(options.schedule == "constant-linear" || options.schedule == "cosine", "schedule",
          options.schedule, "it must be constant-linear or cosine");
  require(options.dropout >= 0 && options.dropout < 1, "dropout", options.dropout,
          "it must lie in [0, 1)");
  require(options.distil_weight > 0 && options.distil_weight <= 1, "distil-weight",
          options.distil_weight, "it must lie in (0, 1]");
  require(options.precision == "auto" || options.precision == "fp32" || options.precision == "bf16",
          "precision", options.precision, "it must be auto, fp32 or bf16");
  require(options.threads >= 0 && options.threads <= 1024, "threads", options.threads,
          "it must lie in [0, 1024]");
  require(options.window >= 0, "window", options.window, "it must be 0 or more");
  require(options.early_stop_patience >= 0, "early-stop-patience", options.early_stop_patience,
          "it must be 0 or more");
  if (!options.anneal_data.empty() && options.schedule == "cosine") {
    throw Error(ErrorCode::kUsage,
                "`anneal_data` is used while the rate falls, which under `schedule` cosine is the "
                "whole run; use `schedule` constant-linear");
  }
  if (options.anneal_data.empty() && !options.anneal_weights.empty()) {
    throw Error(ErrorCode::kUsage, "`anneal_weight` needs `anneal_data`");
  }
  if (!options.from.empty() && !options.config.empty()) {
    throw Error(ErrorCode::kUsage,
                "`from` comes with a configuration, so `config` cannot be given with it");
  }
  if (options.from.empty() && !options.average_with.empty()) {
    throw Error(ErrorCode::kUsage, "`average_with` needs `from`, the first model of the mean");
  }
  require(std::isfinite(options.max_gradient_norm) && options.max_gradient_norm > 0,
          "max-gradient-norm", options.max_gradient_norm, "it must be above 0");
  require(options.log_every_steps >= 1, "log-every-steps", options.log_every_steps,
          "it must be at least 1");
  require(options.valid_every_steps >= 1, "valid-every-steps", options.valid_every_steps,
          "it must be at least 1");
  require(options.valid_windows >= 1, "valid-windows", options.valid_windows,
          "it must be at least 1");
  require(options.checkpoint_every_steps >= 1, "checkpoint-every-steps",
          options.checkpoint_every_steps, "it must be at least 1");
  for (const auto* weights : {&options.weights, &options.anneal_weights}) {
    for (const corpus::SourceWeight& entry : *weights) {
      require(
          std::isfinite(entry.weight) && entry.weight >= 0 && entry.weight <= corpus::kMaxWeight,
          fmt::format("weight of {}", entry.name).c_str(), entry.weight,
          "it must lie in [0, 1000]");
    }
  }
}

Schedule schedule_of(const TrainOptions& options, int window) {
  return {.cosine = options.schedule == "cosine",
          .tokens = static_cast<double>(options.tokens),
          .warmup_tokens = options.warmup_tokens,
          .constant_fraction = options.constant_fraction,
          .tokens_per_step = static_cast<double>(options.batch_windows) * window};
}

}  // namespace medgen::train
