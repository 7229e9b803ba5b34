// See the header.
#include "research/metrics_mauve.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/count_of.h"
#include "research/mauve.h"

namespace medgen::research {
namespace {

constexpr std::size_t kFewestTexts = 50;    // five clusters
constexpr std::size_t kEnoughTexts = 1000;  // docs/SAMPLING.md shows how it grows up to there

constexpr std::pair<const char*, double> kAreas[] = {{"mauve", 0}, {"mauve_star", 0.5}};

std::size_t with_features(const TextRow& row) {
  return static_cast<std::size_t>(
      std::count_if(row.samples.begin(), row.samples.end(),
                    [](const Sample* sample) { return sample->features != nullptr; }));
}

void append(const TextRow& row, Points& points) {
  for (const Sample* sample : row.samples) {
    if (sample->features == nullptr) continue;
    points.width = sample->features->size();
    ++points.count;
    points.values.insert(points.values.end(), sample->features->begin(), sample->features->end());
  }
}

// How many of a row's texts are in each cluster: all, and prompt by prompt.
struct Histogram {
  std::vector<double> all;
  std::vector<std::vector<std::uint32_t>> of_prompts;  // the clusters of their texts
};

// `of` begins with the row's texts, those without features left out.
Histogram histogram(const TextRow& row, std::span<const std::uint32_t> of, std::size_t clusters) {
  std::vector<std::uint32_t> places(row.samples.size());
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    places[i] = next;
    next += row.samples[i]->features == nullptr ? 0 : 1;
  }
  Histogram result{std::vector<double>(clusters), {}};
  for (const auto& texts : row.members) {
    auto& prompt = result.of_prompts.emplace_back();
    for (const std::size_t text : texts) {
      if (row.samples[text]->features == nullptr) continue;
      prompt.push_back(of[places[text]]);
      result.all[prompt.back()] += 1;
    }
  }
  return result;
}

// Each prompt's influence on the area, as for the measures of n-grams, the clusters being kept.
PromptSums influences(const Histogram& counts, const Histogram& others, double extra,
                      double value) {
  PromptSums sums;
  const auto prompts = static_cast<double>(counts.of_prompts.size());
  std::vector<double> rest = counts.all;
  double mean = 0;
  for (const auto& clusters : counts.of_prompts) {
    for (const std::uint32_t cluster : clusters) rest[cluster] -= 1;
    sums.top.push_back(-(prompts - 1) * mauve_area(rest, others.all, extra));
    mean += sums.top.back() / prompts;
    for (const std::uint32_t cluster : clusters) rest[cluster] += 1;
  }
  for (double& each : sums.top) each += value - mean;
  sums.bottom.assign(sums.top.size(), 1);
  return sums;
}

// Over the prompts of both sides: the same draws where these are the same, else draws of their own.
std::optional<Interval> interval_of(double value, const PromptSums& human, const PromptSums& made,
                                    bool same_prompts, const MetricsOptions& options) {
  if (human.top.size() < 2 || made.top.size() < 2) return std::nullopt;
  const auto drawn = [&](const PromptSums& sums, std::uint64_t seed) {
    return bootstrap(std::span(&sums, 1), options.bootstrap_resamples, seed)[0];
  };
  std::vector<double> values = drawn(made, options.seed);
  const std::vector<double> more = drawn(human, same_prompts ? options.seed : ~options.seed);
  for (std::size_t r = 0; r < values.size(); ++r) values[r] += more[r] - value;
  auto interval = percentile_interval(std::move(values), options.confidence);
  if (!interval) return interval;
  return Interval{std::clamp(interval->low, 0.0, 1.0), std::clamp(interval->high, 0.0, 1.0)};
}

void fill(SettingMetrics& metrics, const TextRow& row, const TextRow& reference,
          const MetricsOptions& options) {
  const std::size_t texts = with_features(row), others = with_features(reference);
  if (std::min(texts, others) < kFewestTexts) return;
  Points points;
  append(row, points);
  append(reference, points);
  const std::size_t clusters = mauve_clusters(texts, others);
  const Clusters found = k_means(principal_components(std::move(points)), clusters, options.seed);
  const std::span<const std::uint32_t> of(found.of);
  const Histogram made = histogram(row, of, clusters);
  const Histogram human = histogram(reference, of.subspan(texts), clusters);
  for (const auto& [name, extra] : kAreas) {
    const auto metric =
        std::find_if(metrics.metrics.begin(), metrics.metrics.end(),
                     [name = name](const Metric& each) { return each.name == name; });
    const double value = mauve_area(human.all, made.all, extra);
    metric->value = value;
    metric->distance = 1 - value;
    if (options.bootstrap_resamples == 0) continue;
    metric->interval = interval_of(value, influences(human, made, extra, value),
                                   influences(made, human, extra, value),
                                   row.prompts == reference.prompts, options);
  }
}

}  // namespace

void add_mauve(Metrics& metrics, const std::vector<TextRow>& rows, const MetricsOptions& options) {
  if (!options.mauve || metrics.reference() == nullptr) return;
  metrics.mauve = options.mauve;
  std::size_t fewest = with_features(rows.back()), empty = 0;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const std::size_t texts = with_features(rows[r]);
    empty += rows[r].samples.size() - texts;
    fewest = std::min(fewest, texts);
    if (!metrics.rows[r].is_reference) fill(metrics.rows[r], rows[r], rows.back(), options);
  }
  if (fewest < kFewestTexts) {
    metrics.notices.push_back(fmt::format(
        "No MAUVE where a setting or the reference has fewer than {} texts: it would say nothing.",
        kFewestTexts));
  } else if (fewest < kEnoughTexts) {
    metrics.notices.push_back(fmt::format(
        "MAUVE of {} texts: with fewer than {} it is rough and depends on their number. Compare it "
        "only between equally many, and with another seed.",
        fewest, kEnoughTexts));
  }
  if (empty > 0) {
    metrics.notices.push_back(
        fmt::format("MAUVE leaves out {} without a token.", base::count_of(empty, "text")));
  }
  if (!options.mauve->with_prompts) {
    metrics.notices.push_back(
        "MAUVE reads the texts by themselves: not all of them, the reference's included, have a "
        "prompt.");
  }
}

}  // namespace medgen::research
