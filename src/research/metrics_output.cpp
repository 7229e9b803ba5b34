// What the measures are called, and the table as JSON, as CSV and as text.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/csv.h"
#include "medgen/error.h"
#include "research/metrics.h"

namespace medgen::research {
namespace {

using Json = nlohmann::ordered_json;

Json metric_json(const Metric& metric) {
  Json json{{"value", metric.value ? Json(*metric.value) : Json()}};
  if (metric.interval) json["interval"] = pair_json(*metric.interval);
  if (metric.comparison) {
    const Comparison& c = *metric.comparison;
    json["difference"] = Json{{"value", c.difference},
                              {"interval", pair_json(c.interval)},
                              {"p_value", c.p_value},
                              {"p_holm", c.p_holm}};
  }
  if (metric.distance) json["distance"] = *metric.distance;
  if (metric.distance_interval) json["distance_interval"] = pair_json(*metric.distance_interval);
  return json;
}

std::string cell(std::optional<double> value) { return value ? Json(*value).dump() : ""; }

std::string csv_line(const SettingMetrics& row, const Metric& metric, bool raw) {
  const auto name = [&](const std::string& text) {
    return base::quote_csv(raw ? text : base::without_formula(text));
  };
  std::string line =
      name(row.setting) + (row.is_reference ? ",true," : ",false,") + name(metric.name);
  const auto add = [&](std::optional<double> value) {
    line += ',';
    line += cell(value);
  };
  add(metric.value);
  add(metric.interval ? std::optional(metric.interval->low) : std::nullopt);
  add(metric.interval ? std::optional(metric.interval->high) : std::nullopt);
  const Comparison* c = metric.comparison ? &*metric.comparison : nullptr;
  add(c != nullptr ? std::optional(c->difference) : std::nullopt);
  add(c != nullptr ? std::optional(c->interval.low) : std::nullopt);
  add(c != nullptr ? std::optional(c->interval.high) : std::nullopt);
  add(c != nullptr ? std::optional(c->p_value) : std::nullopt);
  add(c != nullptr ? std::optional(c->p_holm) : std::nullopt);
  add(metric.distance);
  add(metric.distance_interval ? std::optional(metric.distance_interval->low) : std::nullopt);
  add(metric.distance_interval ? std::optional(metric.distance_interval->high) : std::nullopt);
  return line + "\n";
}

std::size_t columns_of(const std::string& text) {  // UTF-8 continuation bytes take none
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string left(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, columns_of(text)), ' ');
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, columns_of(text)), ' ') + text;
}

bool is_significant(const Metric& metric) {
  return metric.comparison && metric.comparison->p_holm < 0.05;
}

}  // namespace

const std::vector<MetricInfo>& metric_infos() {
  static const std::vector<MetricInfo> infos = {
      {"perplexity", "Perplexity",
       "Of the generated text under the model that made it: exp of the mean negative "
       "log-probability per token, with no filter and at temperature 1. Closest to human text is "
       "best, not lowest.",
       2},
      {"mean_entropy", "Entropy",
       "Mean entropy of the model's next-token distribution where a token was drawn, in nats.", 3},
      {"self_bleu_4", "Self-BLEU-4",
       "Mean BLEU-4 of a text against all other texts of the setting (nltk's smoothing method 1). "
       "High: the texts resemble each other.",
       3, false, true},
      {"self_bleu_4_prompt", "Self-BLEU-4 per prompt",
       "The same against the other texts of the same prompt alone.", 3, false, true},
      {"distinct_1", "Distinct-1", "Distinct tokens / all tokens.", 3, false, true},
      {"distinct_2", "Distinct-2", "Distinct pairs of tokens / all pairs.", 3, false, true},
      {"distinct_3", "Distinct-3", "Distinct runs of three tokens / all such runs.", 3, false,
       true},
      {"once_1", "Once-1",
       "Tokens seen exactly once / all tokens: what the nucleus-sampling paper calls distinct-1.",
       3, false, true},
      {"once_2", "Once-2", "The same for pairs: the paper's distinct-2.", 3, false, true},
      {"once_3", "Once-3", "The same for runs of three: the paper's distinct-3.", 3, false, true},
      {"zipf", "Zipf",
       "Zipf's coefficient: minus the slope of log frequency on log rank over the 5,000 most "
       "frequent tokens.",
       3, false, true},
      {"repetition", "Repetition",
       "Texts that end in one phrase of at least two tokens said at least three times in a row "
       "(the "
       "nucleus-sampling paper's words).",
       1, true},
      {"repetition_code", "Repetition, code",
       "Texts that the paper's code counts: the phrase of up to 90 tokens said most often at the "
       "end is said more than once, and has at least three tokens or is said more than 50 times.",
       1, true},
      {"loops", "Loops",
       "Texts that end in one phrase at least three times over, at least 12 tokens together.", 1,
       true},
      {"length", "Length", "Mean number of tokens of a text, without a final end-of-text token.",
       1},
      {"mauve", "MAUVE",
       "How alike the texts and the human texts are as clusters of what a model makes of them: the "
       "area below their divergence curve, from 0 to 1 (Pillutla and others 2021).",
       3, false, true, true},
      {"mauve_star", "MAUVE*",
       "The same of smoothed histograms, which few texts bias less (Pillutla and others 2023).", 3,
       false, true, true},
  };
  return infos;
}

const Metric& SettingMetrics::metric(std::string_view name) const {
  for (const Metric& metric : metrics) {
    if (metric.name == name) return metric;
  }
  throw Error(ErrorCode::kRuntime, "there is no metric " + std::string(name));
}

const SettingMetrics* Metrics::reference() const {
  for (const SettingMetrics& row : rows) {
    if (row.is_reference) return &row;
  }
  return nullptr;
}

bool Metrics::shows(std::size_t metric) const {
  return !metric_infos()[metric].on_request ||
         std::any_of(rows.begin(), rows.end(), [&](const SettingMetrics& row) {
           return row.metrics[metric].value.has_value();
         });
}

std::vector<std::string> Metrics::closest(std::string_view metric) const {
  std::vector<std::string> names;
  for (const SettingMetrics& row : rows) {
    if (row.metric(metric).is_closest) names.push_back(row.setting);
  }
  return names;
}

Json pair_json(const Interval& interval) { return Json::array({interval.low, interval.high}); }

Json metrics_json(const Metrics& metrics) {
  Json json{{"format", kMetricsFormat}, {"unit", metrics.unit}};
  json["baseline"] = metrics.baseline.empty() ? Json() : Json(metrics.baseline);
  json["bootstrap"] = Json{{"over", "prompts"},
                           {"resamples", metrics.bootstrap_resamples},
                           {"confidence", metrics.confidence},
                           {"seed", metrics.seed}};
  if (metrics.mauve) {
    json["mauve"] = Json{{"model", metrics.mauve->model},
                         {"model_sha256", metrics.mauve->model_sha256},
                         {"with_prompts", metrics.mauve->with_prompts}};
  }
  json["settings"] = Json::array();
  for (const SettingMetrics& row : metrics.rows) {
    Json out{{"setting", row.setting}, {"reference", row.is_reference},
             {"texts", row.texts},     {"prompts", row.prompts},
             {"tokens", row.tokens},   {"finish_reasons", Json::object()}};
    for (const auto& [reason, count] : row.finish_reasons) out["finish_reasons"][reason] = count;
    for (std::size_t m = 0; m < row.metrics.size(); ++m) {
      if (metrics.shows(m)) out["metrics"][row.metrics[m].name] = metric_json(row.metrics[m]);
    }
    json["settings"].push_back(std::move(out));
  }
  if (metrics.reference() != nullptr) {
    for (const MetricInfo& info : metric_infos()) {
      const std::vector<std::string> closest = metrics.closest(info.name);
      if (!closest.empty()) json["closest_to_reference"][std::string(info.name)] = closest;
    }
  }
  json["notices"] = metrics.notices;
  return json;
}

std::string metrics_csv(const Metrics& metrics, bool raw) {
  std::string csv =
      "setting,reference,metric,value,low,high,difference,difference_low,difference_high,p_value,"
      "p_holm,distance,distance_low,distance_high\n";
  for (const SettingMetrics& row : metrics.rows) {
    for (std::size_t m = 0; m < row.metrics.size(); ++m) {
      if (metrics.shows(m)) csv += csv_line(row, row.metrics[m], raw);
    }
    for (const auto& [reason, count] : row.finish_reasons) {
      const double share = static_cast<double>(count) / static_cast<double>(row.texts);
      csv += csv_line(row, {"finish_" + reason, share}, raw);
    }
  }
  return csv;
}

std::string metric_text(const MetricInfo& info, std::optional<double> value) {
  if (!value) return "-";
  return info.is_share ? fmt::format("{:.{}f} %", 100 * *value, info.digits)
                       : fmt::format("{:.{}f}", *value, info.digits);
}

std::string metrics_table(const Metrics& metrics, int columns) {
  std::size_t name_width = 7;
  for (const SettingMetrics& row : metrics.rows) {
    name_width = std::max(name_width, columns_of(row.setting));
  }
  std::string out;
  std::string block_head;
  std::vector<std::string> block(metrics.rows.size());
  std::size_t block_width = 0;
  const auto end_block = [&] {
    if (block_width == 0) return;
    out += (out.empty() ? "" : "\n") + block_head + "\n";
    for (const std::string& line : block) out += line + "\n";
    block_width = 0;
  };
  for (std::size_t m = 0; m < metric_infos().size(); ++m) {
    const MetricInfo& info = metric_infos()[m];
    std::vector<std::string> cells;
    bool is_known = false;
    std::size_t width = info.name.size();
    for (const SettingMetrics& row : metrics.rows) {
      const Metric& metric = row.metrics[m];
      is_known = is_known || metric.value;
      cells.push_back(metric_text(info, metric.value) + (is_significant(metric) ? "*" : " "));
      width = std::max(width, cells.back().size());
    }
    if (!is_known) continue;
    if (block_width > 0 && block_width + 2 + width > static_cast<std::size_t>(columns)) end_block();
    if (block_width == 0) {
      block_width = name_width;
      block_head = left("setting", name_width);
      for (std::size_t r = 0; r < block.size(); ++r) {
        block[r] = left(metrics.rows[r].setting, name_width);
      }
    }
    block_width += 2 + width;
    block_head += "  " + right(std::string(info.name), width);
    for (std::size_t r = 0; r < block.size(); ++r) block[r] += "  " + right(cells[r], width);
  }
  end_block();
  if (!metrics.baseline.empty() && metrics.bootstrap_resamples > 0) {
    out += fmt::format("\n* differs from {}: p < 0.05 after Holm's correction\n", metrics.baseline);
  }
  return out;
}

}  // namespace medgen::research
