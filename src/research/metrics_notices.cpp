// The notices of a table of metrics.
#include "research/metrics_notices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/count_of.h"

namespace medgen::research {
namespace {

constexpr double kLevel = 0.05;

void note_counts(const Metrics& metrics, std::vector<std::string>& notices) {
  const auto [fewest, most] = std::minmax_element(
      metrics.rows.begin(), metrics.rows.end(),
      [](const SettingMetrics& a, const SettingMetrics& b) { return a.texts < b.texts; });
  if (fewest->texts != most->texts) {
    notices.push_back(
        fmt::format("The rows have different numbers of texts ({} to {}): self-BLEU, distinct-n, "
                    "once-n and Zipf depend on that number and are not compared across them.",
                    fewest->texts, most->texts));
  }
  std::size_t prompts = most->prompts;
  for (const SettingMetrics& row : metrics.rows) {
    if (!row.is_reference) prompts = std::min(prompts, row.prompts);
  }
  if (metrics.bootstrap_resamples == 0) return;
  if (prompts < 2) {
    notices.push_back("No intervals for a setting with only one prompt: prompts are resampled.");
  } else if (prompts < 20) {
    notices.push_back(fmt::format(
        "Only {} prompts: intervals from so few are too narrow. The p-values hold.", prompts));
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
  notices.push_back(
      fmt::format("Mean lengths range from {:.1f} to {:.1f} {}s: self-BLEU, distinct-n, once-n, "
                  "Zipf and repetition also depend on length.",
                  shortest, longest, metrics.unit));
}

void note_comparisons(const Metrics& metrics, std::vector<std::string>& notices) {
  if (metrics.baseline.empty() || metrics.bootstrap_resamples == 0) return;
  std::string names;
  std::size_t comparisons = 0, prompts = 0;
  for (const SettingMetrics& row : metrics.rows) {
    if (row.setting == metrics.baseline && !row.is_reference) prompts = row.prompts;
    for (const Metric& metric : row.metrics) comparisons += metric.comparison ? 1 : 0;
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
  if (comparisons == 0) return;
  const auto count = static_cast<double>(comparisons);
  if (count * std::exp2(1.0 - static_cast<double>(prompts)) >= kLevel) {
    notices.push_back(
        fmt::format("Too few prompts ({}) for any of {} comparisons to pass Holm's correction.",
                    prompts, comparisons));
  } else if (count * least_p_value(prompts, metrics.bootstrap_resamples) >= kLevel) {
    notices.push_back(fmt::format(
        "Too few resamples ({}) for any of {} comparisons to pass Holm's correction: take {} or "
        "more.",
        metrics.bootstrap_resamples, comparisons, std::ceil(count / kLevel)));
  }
}

}  // namespace

void note_reference(std::size_t all, std::size_t used, std::size_t cut, std::size_t longest,
                    const std::string& unit, std::vector<std::string>& notices) {
  if (used < all) {
    notices.push_back(fmt::format(
        "Of {} reference texts {} were drawn at random, as many as the settings have.", all, used));
  }
  if (cut > 0) {
    notices.push_back(fmt::format(
        "{} cut to {}, the longest that a setting made; perplexity is of the whole texts.",
        base::count_of(cut, "reference text"), base::count_of(longest, unit)));
  }
}

void note_crossing(std::size_t texts, std::vector<std::string>& notices) {
  if (texts == 0) return;
  notices.push_back(
      fmt::format("In {} the first token reaches back into the prompt: it counts as the text's.",
                  base::count_of(texts, "text")));
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
