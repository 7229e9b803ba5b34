// The report's figures: our own static SVG, since it prints, can be copied out, and needs no
// script; a chart library would be a hundred times the size of all figures.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "report/chart_parts.h"
#include "report/report_parts.h"
#include "report/scatter_chart.h"

namespace medgen::report {
namespace {

constexpr std::string_view kAlong[] = {"perplexity", "self_bleu_4", "distinct_2",
                                       "zipf",       "repetition",  "length"};

// Settings that differ in only one variable.
struct Line {
  std::string name;                                        // the other variables' values
  std::map<double, const research::SettingMetrics*> rows;  // by the variable's value
};

const research::MetricInfo& info_of(std::string_view name) {
  return *std::find_if(research::metric_infos().begin(), research::metric_infos().end(),
                       [&](const research::MetricInfo& info) { return info.name == name; });
}

std::vector<Line> lines_along(const std::string& variable, const research::Metrics& metrics,
                              const ReportContext& context) {
  std::vector<Line> lines;
  for (const research::SettingMetrics& row : metrics.rows) {
    const auto& values = context.swept.at(variable);
    const auto value = values.find(row.setting);
    if (row.is_reference || value == values.end()) continue;
    std::string others;
    for (const auto& [other, other_values] : context.swept) {
      const auto it = other_values.find(row.setting);
      if (other == variable || it == other_values.end()) continue;
      others += fmt::format("{}{} {}", others.empty() ? "" : ", ", other, number_label(it->second));
    }
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return line.name == others && !line.rows.contains(value->second);
    });
    Line& line = same != lines.end() ? *same : lines.emplace_back(Line{others, {}});
    line.rows[value->second] = &row;
  }
  return lines;
}

bool is_known(const research::Metrics& metrics, std::string_view name) {
  return std::any_of(metrics.rows.begin(), metrics.rows.end(),
                     [&](const research::SettingMetrics& row) {
                       return !row.is_reference && row.metric(name).value;
                     });
}

// NaN, which charts skip, if there is no value.
double value_of(const research::SettingMetrics& row, std::string_view name) {
  return row.metric(name).value.value_or(std::nan(""));
}

std::string label_of(const research::MetricInfo& info) {
  return std::string(info.label) + (info.is_share ? " (%)" : "");
}

void make_log(Axis& axis, std::string& label) {
  axis = Axis::kLog;
  label += " (logarithmic)";
}

// "Zipf is lowest, 0.97, for this and highest, 1.2, for that; human 0.96."
std::string extremes(std::string_view measure, const ScatterChart& chart,
                     double ScatterPoint::*value, double factor, double human) {
  const ScatterPoint *low = nullptr, *high = nullptr;
  for (const ScatterSeries& series : chart.series) {
    for (const ScatterPoint& point : series.points) {
      if (!std::isfinite(point.*value)) continue;
      if (low == nullptr || point.*value < low->*value) low = &point;
      if (high == nullptr || point.*value > high->*value) high = &point;
    }
  }
  if (low == nullptr) return "";
  const auto number = [&](double v) {
    return fmt::format("{:.3g}{}", factor * v, factor == 1 ? "" : " %");
  };
  std::string out =
      low->*value == high->*value
          ? fmt::format("{} is {} everywhere", measure, number(low->*value))
          : fmt::format("{} is lowest, {}, for {} and highest, {}, for {}", measure,
                        number(low->*value), low->hint, number(high->*value), high->hint);
  if (std::isfinite(human)) out += "; human " + number(human);
  return out + ".";
}

// What a text's quality and diversity are measured by.
struct Axes {
  std::string_view quality = "perplexity", diversity = "self_bleu_4";
};

ScatterPoint quality_point(const research::SettingMetrics& row, const Axes& axes,
                           const std::string& label) {
  return {value_of(row, axes.quality),
          value_of(row, axes.diversity),
          row.metric(axes.quality).interval,
          row.metric(axes.diversity).interval,
          label,
          row.setting};
}

ScatterChart quality_chart(const research::Metrics& metrics, const Axes& axes,
                           const std::string& title) {
  ScatterChart chart;
  chart.title = title;
  chart.x_label = label_of(info_of(axes.quality));
  chart.y_label = label_of(info_of(axes.diversity));
  if (axes.quality == "perplexity") make_log(chart.x_axis, chart.x_label);
  const research::SettingMetrics* human = metrics.reference();
  if (human != nullptr && human->metric(axes.diversity).value) {
    chart.target = ScatterTarget{"human", human->metric(axes.quality).value,
                                 *human->metric(axes.diversity).value};
  }
  return chart;
}

// The chart in words, for its page and for who does not see it.
std::string describe(ScatterChart& chart, const Axes& axes) {
  const double human_x = chart.target ? chart.target->x.value_or(NAN) : NAN;
  const double human_y = chart.target ? chart.target->y : NAN;
  chart.description = extremes(info_of(axes.quality).label, chart, &ScatterPoint::x, 1, human_x) +
                      " " +
                      extremes(info_of(axes.diversity).label, chart, &ScatterPoint::y, 1, human_y);
  return chart.description;
}

std::string bars(const research::Metrics& metrics) {
  if (metrics.bootstrap_resamples == 0) return "";
  return fmt::format(" Bars are {} % intervals over prompts.",
                     number_label(100 * metrics.confidence));
}

std::string dashed(const ScatterChart& chart) {
  return chart.target ? " Dashed: human texts." : "";
}

class Figures {
 public:
  // "<figure>" with the chart and a numbered caption.
  std::string numbered(const ScatterChart& chart, const std::string& caption) {
    return fmt::format(
        "<figure><div class=\"scroll\">{}</div><figcaption><b>Figure {}. "
        "</b>{}</figcaption></figure>\n",
        to_svg(chart), ++count_, escape_markup(caption));
  }

 private:
  int count_ = 0;
};

ScatterChart chart_along(const std::string& variable, std::string_view metric,
                         const std::vector<Line>& lines, const research::Metrics& metrics) {
  const research::MetricInfo& info = info_of(metric);
  ScatterChart chart;
  chart.title = label_of(info) + " along " + variable;
  chart.x_label = variable;
  chart.y_label = label_of(info);
  chart.y_factor = info.is_share ? 100 : 1;
  chart.width = 380;
  chart.height = 250;
  chart.legend = false;  // the first figure's
  double least = 1e300, most = 0;
  for (const Line& line : lines) {
    ScatterSeries series{line.name, {}};
    for (const auto& [value, row] : line.rows) {
      series.points.push_back(
          {value, value_of(*row, metric), {}, row->metric(metric).interval, "", row->setting});
      least = std::min(least, value);
      most = std::max(most, value);
    }
    chart.series.push_back(std::move(series));
  }
  if (least > 0 && most / least > 30) make_log(chart.x_axis, chart.x_label);
  if (metric == "perplexity") make_log(chart.y_axis, chart.y_label);
  const research::SettingMetrics* human = metrics.reference();
  if (human != nullptr && human->metric(metric).value) {
    chart.target = ScatterTarget{"human", std::nullopt, *human->metric(metric).value};
  }
  chart.description = extremes(info.label, chart, &ScatterPoint::y, chart.y_factor,
                               chart.target ? chart.target->y : NAN);
  return chart;
}

std::string figures_along(const std::string& variable, const research::Metrics& metrics,
                          const ReportContext& context, const Axes& axes, Figures& figures) {
  const std::vector<Line> lines = lines_along(variable, metrics, context);
  ScatterChart chart = quality_chart(metrics, axes, "Diversity against quality along " + variable);
  for (const Line& line : lines) {
    ScatterSeries series{line.name.empty() ? variable : line.name, {}};
    for (const auto& [value, row] : line.rows) {
      series.points.push_back(quality_point(*row, axes, number_label(value)));
    }
    chart.series.push_back(std::move(series));
  }
  const std::string words = describe(chart, axes);
  std::string out = "<h3>Along <code>" + escape_markup(variable) + "</code></h3>\n";
  out += figures.numbered(
      chart, fmt::format("Diversity ({}, low is diverse) against quality ({}). A line joins "
                         "settings that differ in {} alone; numbers are its values.{}{} {}",
                         info_of(axes.diversity).label, info_of(axes.quality).label, variable,
                         bars(metrics), dashed(chart), words));
  out += "<div class=\"small\">\n";
  for (const std::string_view metric : kAlong) {
    if (!is_known(metrics, metric)) continue;
    const ScatterChart small = chart_along(variable, metric, lines, metrics);
    out += "<figure>" + to_svg(small) + "<figcaption>" + escape_markup(small.description) +
           "</figcaption></figure>\n";
  }
  return fmt::format(
      "{}</div>\n<p class=\"caption\">Measures along {}; colours and shapes as in the figure "
      "above.{}</p>\n",
      out, escape_markup(variable), bars(metrics));
}

bool is_varied(const std::map<std::string, double>& values, const research::Metrics& metrics) {
  std::set<double> different;
  for (const research::SettingMetrics& row : metrics.rows) {
    const auto it = values.find(row.setting);
    if (!row.is_reference && it != values.end()) different.insert(it->second);
  }
  return different.size() > 1;
}

}  // namespace

std::string report_figures(const research::Metrics& metrics, const ReportContext& context) {
  Axes axes;
  if (!is_known(metrics, axes.quality)) axes.quality = "zipf";
  if (!is_known(metrics, axes.diversity)) axes.diversity = "distinct_2";
  ReportContext varied = context;
  std::erase_if(varied.swept, [&](const auto& item) { return !is_varied(item.second, metrics); });
  Figures figures;
  std::string out;
  for (const auto& [variable, values] : varied.swept) {
    out += figures_along(variable, metrics, varied, axes, figures);
  }
  if (!out.empty()) return out;
  ScatterChart chart = quality_chart(metrics, axes, "Diversity against quality");
  for (const research::SettingMetrics& row : metrics.rows) {
    if (row.is_reference) continue;
    chart.series.push_back({row.setting, {quality_point(row, axes, "")}, false});
  }
  const std::string words = describe(chart, axes);
  return figures.numbered(
      chart, fmt::format("Diversity ({}) against quality ({}), a point for each setting.{}{} {}",
                         info_of(axes.diversity).label, info_of(axes.quality).label, bars(metrics),
                         dashed(chart), words));
}

}  // namespace medgen::report
