// See the header.
#include "research/metrics_resampling.h"

#include <algorithm>
#include <functional>
#include <map>

#include "research/shares.h"

namespace medgen::research {
namespace {

// Intervals of rows with the same prompts, and their differences from the baseline among them.
class Resampling {
 public:
  explicit Resampling(const MetricsOptions& options) : options_(options) {}

  void add(SettingMetrics& row, const TextRow& texts, const std::vector<Measure>& measures) {
    for (std::size_t m = 0; m < measures.size(); ++m) {
      if (measures[m].sums.top.size() < 2 || !measures[m].value) continue;
      places_.push_back({&row, &texts, m});
      series_.push_back(measures[m].sums);
      ranges_.push_back(measures[m].range);
    }
  }

  void run() {
    values_ = bootstrap(series_, options_.bootstrap_resamples, options_.seed);
    for (std::size_t s = 0; s < places_.size(); ++s) {
      auto& interval = metric(s).interval;
      if (metric_infos()[places_[s].metric].is_share) {
        interval = clustered_wilson_interval(series_[s], options_.confidence);
        continue;
      }
      interval = percentile_interval(values_[s], options_.confidence);
      if (!interval) continue;
      interval->low = std::max(interval->low, ranges_[s].low);
      interval->high = std::min(interval->high, ranges_[s].high);
    }
  }

  void compare(const std::string& baseline) {
    std::vector<PairedSums> pairs;
    std::vector<Metric*> compared;
    const std::map<std::size_t, std::size_t> bases = series_of(
        [&](const SettingMetrics& row) { return !row.is_reference && row.setting == baseline; });
    for (std::size_t s = 0; s < places_.size(); ++s) {
      const auto found = bases.find(places_[s].metric);
      if (found == bases.end() || found->second == s) continue;
      const std::size_t base = found->second;
      if (!may_compare(places_[s], places_[base])) continue;
      const auto interval = difference(s, *this, base);
      if (!interval) continue;
      metric(s).comparison = Comparison{*metric(s).value - *metric(base).value, *interval, 1, 1};
      pairs.push_back({&series_[s], &series_[base]});
      compared.push_back(&metric(s));
    }
    const std::vector<double> p_values =
        permutation_p_values(pairs, options_.bootstrap_resamples, options_.seed);
    for (std::size_t i = 0; i < pairs.size(); ++i) compared[i]->comparison->p_value = p_values[i];
  }

  // Of each row's distance from the reference, which `human` holds.
  void measure_distances(const Resampling& human) {
    const std::map<std::size_t, std::size_t> others =
        human.series_of([](const SettingMetrics& row) { return row.is_reference; });
    for (std::size_t s = 0; s < places_.size(); ++s) {
      const auto other = others.find(places_[s].metric);
      if (other == others.end()) continue;
      const auto interval = difference(s, human, other->second);
      if (!interval) continue;
      const double ends[] = {std::fabs(interval->low), std::fabs(interval->high)};
      const bool holds_zero = interval->low <= 0 && interval->high >= 0;
      metric(s).distance_interval =
          Interval{holds_zero ? 0 : std::min(ends[0], ends[1]), std::max(ends[0], ends[1])};
    }
  }

 private:
  struct Place {
    SettingMetrics* row;
    const TextRow* texts;
    std::size_t metric;
  };

  Metric& metric(std::size_t series) const {
    return places_[series].row->metrics[places_[series].metric];
  }

  // By metric, of the row that is meant.
  std::map<std::size_t, std::size_t> series_of(
      const std::function<bool(const SettingMetrics&)>& is) const {
    std::map<std::size_t, std::size_t> series;
    for (std::size_t s = 0; s < places_.size(); ++s) {
      if (is(*places_[s].row)) series[places_[s].metric] = s;
    }
    return series;
  }

  // More texts are more alike and repeat more.
  static bool may_compare(const Place& a, const Place& b) {
    if (!metric_infos()[a.metric].needs_equal_counts) return true;
    return std::equal(a.texts->members.begin(), a.texts->members.end(), b.texts->members.begin(),
                      b.texts->members.end(),
                      [](const auto& x, const auto& y) { return x.size() == y.size(); });
  }

  // Of the series minus one of `other`, both on the same draws.
  std::optional<Interval> difference(std::size_t series, const Resampling& other,
                                     std::size_t base) const {
    const Metric& a = metric(series);
    const Metric& b = other.metric(base);
    if (metric_infos()[places_[series].metric].is_share) {
      const bool paired = &other == this;
      return difference_interval(*a.value, *a.interval, *b.value, *b.interval,
                                 paired ? correlation(series_[series], series_[base]) : 0);
    }
    std::vector<double> differences;
    for (std::size_t r = 0; r < values_[series].size(); ++r) {
      differences.push_back(values_[series][r] - other.values_[base][r]);
    }
    return percentile_interval(differences, options_.confidence);
  }

  const MetricsOptions& options_;
  std::vector<Place> places_;
  std::vector<PromptSums> series_;
  std::vector<Interval> ranges_;
  std::vector<std::vector<double>> values_;  // of series_, by draw
};

void correct(std::vector<SettingMetrics>& rows) {
  std::vector<double> p_values;
  std::vector<Comparison*> comparisons;
  for (SettingMetrics& row : rows) {
    for (Metric& metric : row.metrics) {
      if (!metric.comparison) continue;
      comparisons.push_back(&*metric.comparison);
      p_values.push_back(metric.comparison->p_value);
    }
  }
  const std::vector<double> corrected = holm(p_values);
  for (std::size_t i = 0; i < corrected.size(); ++i) comparisons[i]->p_holm = corrected[i];
}

}  // namespace

// Rows with the same prompts share their draws.
void resample(std::vector<SettingMetrics>& results, const std::vector<TextRow>& rows,
              const std::vector<std::vector<Measure>>& measures, const MetricsOptions& options) {
  std::map<std::pair<bool, std::vector<std::string>>, Resampling> groups;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto key = std::pair(results[r].is_reference, rows[r].prompts);
    groups.try_emplace(key, options).first->second.add(results[r], rows[r], measures[r]);
  }
  const Resampling* human = nullptr;
  for (auto& [key, group] : groups) {
    group.run();
    group.compare(options.baseline);
    if (key.first) human = &group;
  }
  for (auto& [key, group] : groups) {
    if (human != nullptr && !key.first) group.measure_distances(*human);
  }
  correct(results);
}

}  // namespace medgen::research
