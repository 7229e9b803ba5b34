// How diverse, likely and repetitive the texts of several sampling settings are, side by side,
// against a baseline and human texts. Definitions: docs/SAMPLING.md and metric_infos().
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/tokenizer.h"
#include "research/bootstrap.h"
#include "research/sample.h"

namespace medgen::research {

// What made the features of texts.
struct MauveSource {
  std::string model, model_sha256;
  bool with_prompts = false;  // each text was read after its prompt
};

struct MetricsOptions {
  // The setting that the others are compared with; empty: none.
  std::string baseline;

  // Resampled sets of prompts, and permutations of them; 0: no intervals and no comparison's p.
  // With 10,000 the smallest p is 0.0001, enough for Holm's correction of 500 comparisons.
  int bootstrap_resamples = 10'000;

  double confidence = 0.95;  // in (0, 1)
  std::uint64_t seed = 0;    // of all draws: which texts self-BLEU scores, the bootstrap

  // Texts of a setting that self-BLEU scores, drawn at random where there are more; each is scored
  // against all others. 1,000 is the nucleus paper's.
  int self_bleu_limit = 1000;

  // Compares the features of each setting's texts with the reference's; the samples have them.
  std::optional<MauveSource> mauve = {};

  // For texts whose tokens are unknown. Without it all are counted in words if one is unknown.
  const Tokenizer* tokenizer = nullptr;
};

// A setting minus the baseline, on the same prompts.
struct Comparison {
  double difference = 0;
  Interval interval;
  double p_value = 1;  // two-sided, of permutation_p_values()
  double p_holm = 1;   // corrected for all comparisons of the table (Holm 1979)
};

struct Metric {
  std::string name;             // of metric_infos()
  std::optional<double> value;  // none: not known for these texts
  std::optional<Interval> interval = {};
  std::optional<Comparison> comparison = {};
  std::optional<double> distance = {};  // |value - the reference's|
  std::optional<Interval> distance_interval = {};
  bool is_closest = false;  // no setting's distance reads smaller when shown
};

// One row of the table.
struct SettingMetrics {
  std::string setting;
  bool is_reference = false;
  std::size_t texts = 0, prompts = 0;
  std::uint64_t tokens = 0;                           // of Metrics::unit, that were counted
  std::map<std::string, std::size_t> finish_reasons;  // where known
  std::vector<Metric> metrics;  // one for each of metric_infos(), in its order

  const Metric& metric(std::string_view name) const;  // throws Error(kRuntime) for an unknown name
};

struct Metrics {
  std::string unit;      // "token" or "word"
  std::string baseline;  // empty: none
  int bootstrap_resamples = 0;
  double confidence = 0.95;
  std::uint64_t seed = 0;
  std::optional<MauveSource> mauve = {};
  std::vector<SettingMetrics> rows;  // settings in order of first appearance, then the reference
  std::vector<std::string> notices;  // what a reader should know about the numbers

  const SettingMetrics* reference() const;  // null: none
  // Whether outputs hold this one of metric_infos().
  bool shows(std::size_t metric) const;
  // The settings nearest to the reference in this metric. Empty without a reference.
  std::vector<std::string> closest(std::string_view metric) const;
};

struct MetricInfo {
  std::string_view name;            // "self_bleu_4", as in JSON and CSV
  std::string_view label;           // "Self-BLEU-4"
  std::string_view help;            // its definition in a sentence or two
  int digits = 3;                   // shown after the point
  bool is_share = false;            // shown in percent
  bool needs_equal_counts = false;  // depends on the number of texts: compared among equals alone
  bool on_request = false;          // left out of every output unless a row has it
};

const std::vector<MetricInfo>& metric_infos();

// The row's name of `reference` is "human". Throws Error(kUsage) without samples, for a baseline
// that is not a setting (the nearest is suggested) and options out of range.
Metrics compute_metrics(const std::vector<Sample>& samples, const std::vector<Sample>& reference,
                        const MetricsOptions& options);

inline constexpr int kMetricsFormat = 1;                     // its first member
nlohmann::ordered_json pair_json(const Interval& interval);  // [low, high]
nlohmann::ordered_json metrics_json(const Metrics& metrics);

// A row for every setting and metric, ready for spreadsheets and R.
// Its names are no formulas for a spreadsheet, unless the cells are to be `raw`.
std::string metrics_csv(const Metrics& metrics, bool raw = false);

// For a terminal of that many columns: a line for each setting, in as many blocks as it takes.
std::string metrics_table(const Metrics& metrics, int columns = 80);

// As shown in tables: "12.34", "5.1 %", "-" for none.
std::string metric_text(const MetricInfo& info, std::optional<double> value);

}  // namespace medgen::research
