// The notices of a table of metrics.
#include "research/metrics_notices.h"

#include <algorithm>
#include <cstdio>

namespace medgen::research {
namespace {

std::string counted(std::size_t n, const std::string& unit) {
  return std::to_string(n) + " " + unit + (n == 1 ? "" : "s");
}

void note_counts(const Metrics& metrics, std::vector<std::string>& notices) {
  const auto [fewest, most] = std::minmax_element(
      metrics.rows.begin(), metrics.rows.end(),
      [](const SettingMetrics& a, const SettingMetrics& b) { return a.texts < b.texts; });
  if (fewest->texts != most->texts) {
    notices.push_back("The rows have different numbers of texts (" + std::to_string(fewest->texts) +
                      " to " + std::to_string(most->texts) +
                      "): self-BLEU, distinct-n, once-n and Zipf depend on that number and do not "
                      "compare across them.");
  }
  std::size_t prompts = most->prompts;
  for (const SettingMetrics& row : metrics.rows) {
    if (!row.is_reference) prompts = std::min(prompts, row.prompts);
  }
  if (metrics.bootstrap_resamples == 0) return;
  if (prompts < 2) {
    notices.push_back("No intervals for a setting with only one prompt: prompts are resampled.");
  } else if (prompts < 20) {
    notices.push_back("Only " + std::to_string(prompts) +
                      " prompts: intervals from so few are too narrow, and p-values too small.");
  }
}

void note_lengths(const Metrics& metrics, std::vector<std::string>& notices) {
  double shortest = 1e300, longest = 0;
  for (const SettingMetrics& row : metrics.rows) {
    const double length = row.metric("length").value.value_or(0);
    shortest = std::min(shortest, length);
    longest = std::max(longest, length);
  }
  if (longest <= 1.2 * shortest) return;
  char range[80];
  std::snprintf(range, sizeof range, "%.1f to %.1f ", shortest, longest);
  notices.push_back("Mean lengths range from " + std::string(range) + metrics.unit +
                    "s: self-BLEU, distinct-n, once-n, Zipf and repetition also depend on length.");
}

void note_comparisons(const Metrics& metrics, std::vector<std::string>& notices) {
  if (metrics.baseline.empty() || metrics.bootstrap_resamples == 0) return;
  std::string names;
  for (const SettingMetrics& row : metrics.rows) {
    const bool compared = std::any_of(row.metrics.begin(), row.metrics.end(),
                                      [](const Metric& m) { return m.comparison.has_value(); });
    if (row.is_reference || row.setting == metrics.baseline || compared || row.prompts < 2) {
      continue;
    }
    names += (names.empty() ? "" : ", ") + row.setting;
  }
  if (!names.empty()) {
    notices.push_back("Not compared with the baseline, which has other prompts: " + names + ".");
  }
}

}  // namespace

void note_reference(std::size_t all, std::size_t used, std::size_t cut, std::size_t longest,
                    const std::string& unit, std::vector<std::string>& notices) {
  if (used < all) {
    notices.push_back("Of " + std::to_string(all) + " reference texts " + std::to_string(used) +
                      " were drawn at random, as many as the settings have.");
  }
  if (cut > 0) {
    notices.push_back(counted(cut, "reference text") + " cut to " + counted(longest, unit) +
                      ", the longest that a setting made; perplexity is of the whole texts.");
  }
}

void note_rows(Metrics& metrics) {
  if (metrics.unit == "word") {
    metrics.notices.push_back(
        "Counted in words, since the tokens of some texts are unknown: not comparable with counts "
        "in tokens.");
  }
  note_counts(metrics, metrics.notices);
  note_lengths(metrics, metrics.notices);
  note_comparisons(metrics, metrics.notices);
}

}  // namespace medgen::research
