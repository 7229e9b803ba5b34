// The report's tables, and their forms for other documents.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "report/chart_parts.h"
#include "report/report_parts.h"

namespace medgen::report {
namespace {

// What most papers give; the rest is in a table of its own.
constexpr std::string_view kMain[] = {"perplexity", "mean_entropy", "self_bleu_4", "distinct_1",
                                      "distinct_2", "distinct_3",   "zipf",        "repetition",
                                      "loops",      "length",       "mauve"};

using Columns = std::vector<std::size_t>;  // places in metric_infos()

// Those that at least one row has.
Columns columns(const research::Metrics& metrics, bool main) {
  Columns chosen;
  for (std::size_t m = 0; m < research::metric_infos().size(); ++m) {
    const bool is_main =
        std::count(std::begin(kMain), std::end(kMain), research::metric_infos()[m].name) > 0;
    const bool known = std::any_of(
        metrics.rows.begin(), metrics.rows.end(),
        [&](const research::SettingMetrics& row) { return row.metrics[m].value.has_value(); });
    if (known && is_main == main) chosen.push_back(m);
  }
  return chosen;
}

std::string exact(double value) { return fmt::format("{:.12g}", value); }

std::string p_text(double p) { return fmt::format("{:.{}f}", p, p < 0.001 ? 4 : 3); }

// "11.90 to 12.81"; the unit only once.
std::string interval_text(const research::MetricInfo& info, const research::Interval& interval) {
  research::MetricInfo bare = info;
  bare.is_share = false;
  const double factor = info.is_share ? 100 : 1;
  return research::metric_text(bare, factor * interval.low) + " to " +
         research::metric_text(bare, factor * interval.high);
}

// Several may be; if most settings are, as with no repetition at all, it says nothing.
bool is_closest(const research::Metrics& metrics, const research::SettingMetrics& row,
                std::size_t m) {
  if (!row.metrics[m].is_closest) return false;
  std::ptrdiff_t equal = 0, settings = 0;
  for (const research::SettingMetrics& other : metrics.rows) {
    settings += other.is_reference ? 0 : 1;
    equal += other.metrics[m].is_closest ? 1 : 0;
  }
  return equal == 1 || 2 * equal <= settings;
}

std::string stars(const research::Metric& metric) {
  if (!metric.comparison || metric.comparison->p_holm >= 0.05) return "";
  return fmt::format(R"(<sup title="differs from the baseline, p = {}">*</sup>)",
                     p_text(metric.comparison->p_holm));
}

std::string value_cell(const research::Metrics& metrics, const research::SettingMetrics& row,
                       std::size_t m) {
  const research::MetricInfo& info = research::metric_infos()[m];
  const research::Metric& metric = row.metrics[m];
  std::string cell = "<td data-value=\"" + (metric.value ? exact(*metric.value) : "") + "\"";
  if (is_closest(metrics, row, m)) cell += " class=\"closest\"";
  cell += '>';
  cell += research::metric_text(info, metric.value) + stars(metric);
  if (metric.interval) cell += "<small>" + interval_text(info, *metric.interval) + "</small>";
  return cell + "</td>";
}

std::string head_cell(const research::MetricInfo& info) {
  std::string label;  // "Self-BLEU-4" must not break at its hyphens
  for (const char c : info.label) label += c == '-' ? std::string("\u2011") : std::string(1, c);
  return fmt::format(R"(<th scope="col" title="{}">{}</th>)", escape_markup(std::string(info.help)),
                     escape_markup(label));
}

std::string name_cell(const research::Metrics& metrics, const research::SettingMetrics& row) {
  std::string name = escape_markup(row.setting);
  if (!row.is_reference && row.setting == metrics.baseline) name += " <small>(baseline)</small>";
  return "<th scope=\"row\">" + name + "</th>";
}

// Settings can be sorted; the reference stays on top.
template <class Cells>
std::string table(const research::Metrics& metrics, const std::string& heads, const Cells& cells) {
  std::string human, rows;
  for (const research::SettingMetrics& row : metrics.rows) {
    (row.is_reference ? human : rows) += "<tr>" + name_cell(metrics, row) + cells(row) + "</tr>\n";
  }
  std::string out =
      "<div class=\"scroll\"><table class=\"sortable\"><thead><tr><th scope=\"col\">Setting</th>";
  out += heads + "</tr></thead>\n";
  if (!human.empty()) out += "<tbody class=\"human\">" + human + "</tbody>\n";
  return out + "<tbody class=\"rows\">\n" + rows + "</tbody></table></div>\n";
}

// Rows in the order of tables: the reference first.
std::vector<const research::SettingMetrics*> ordered(const research::Metrics& metrics) {
  std::vector<const research::SettingMetrics*> rows;
  if (metrics.reference() != nullptr) rows.push_back(metrics.reference());
  for (const research::SettingMetrics& row : metrics.rows) {
    if (!row.is_reference) rows.push_back(&row);
  }
  return rows;
}

std::string latex_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\textbackslash{}";
    } else if (c == '~' || c == '^') {
      out += std::string("\\") + c + "{}";
    } else if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) {
      out += std::string("\\") + c;
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

std::string markdown_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("|\\`*_<>[]").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

}  // namespace

std::string results_table(const research::Metrics& metrics) {
  std::string heads;
  for (const std::size_t m : columns(metrics, true))
    heads += head_cell(research::metric_infos()[m]);
  return table(metrics, heads, [&](const research::SettingMetrics& row) {
    std::string cells;
    for (const std::size_t m : columns(metrics, true)) cells += value_cell(metrics, row, m);
    return cells;
  });
}

std::string more_measures_table(const research::Metrics& metrics) {
  std::string heads = "<th scope=\"col\">Texts</th><th scope=\"col\">Prompts</th>";
  for (const std::size_t m : columns(metrics, false))
    heads += head_cell(research::metric_infos()[m]);
  std::map<std::string, std::size_t> reasons;
  for (const research::SettingMetrics& row : metrics.rows) {
    for (const auto& [reason, count] : row.finish_reasons) reasons[reason] += count;
  }
  for (const auto& [reason, count] : reasons) {
    heads += "<th scope=\"col\">Ended: " + escape_markup(reason) + "</th>";
  }
  return table(metrics, heads, [&](const research::SettingMetrics& row) {
    const auto number = [](double value, const std::string& shown) {
      return fmt::format(R"(<td data-value="{}">{}</td>)", exact(value), shown);
    };
    std::string cells = number(static_cast<double>(row.texts), fmt::to_string(row.texts)) +
                        number(static_cast<double>(row.prompts), fmt::to_string(row.prompts));
    for (const std::size_t m : columns(metrics, false)) cells += value_cell(metrics, row, m);
    for (const auto& [reason, count] : reasons) {
      const auto it = row.finish_reasons.find(reason);
      const double share = it == row.finish_reasons.end()
                               ? 0
                               : static_cast<double>(it->second) / static_cast<double>(row.texts);
      cells += row.finish_reasons.empty()
                   ? "<td data-value=\"\">-</td>"
                   : number(share, research::metric_text({"", "", "", 1, true}, share));
    }
    return cells;
  });
}

std::string differences_table(const research::Metrics& metrics) {
  std::string rows;
  for (const research::SettingMetrics& row : metrics.rows) {
    for (std::size_t m = 0; m < row.metrics.size(); ++m) {
      if (!row.metrics[m].comparison) continue;
      const research::Comparison& c = *row.metrics[m].comparison;
      const research::MetricInfo& info = research::metric_infos()[m];
      rows += fmt::format(R"(<tr><th scope="row">{}</th><td class="words">{}</td>)"
                          R"(<td data-value="{}">{}</td><td>{}</td>)"
                          R"(<td data-value="{}">{}</td><td data-value="{}">{}</td></tr>)"
                          "\n",
                          escape_markup(row.setting), escape_markup(std::string(info.label)),
                          exact(c.difference), research::metric_text(info, c.difference),
                          interval_text(info, c.interval), exact(c.p_value), p_text(c.p_value),
                          exact(c.p_holm), p_text(c.p_holm));
    }
  }
  if (rows.empty()) return "";
  return "<div class=\"scroll\"><table class=\"sortable\"><thead><tr><th "
         "scope=\"col\">Setting</th><th scope=\"col\">Measure</th><th scope=\"col\">Difference</th>"
         "<th scope=\"col\">Interval</th><th scope=\"col\">p</th><th scope=\"col\">p, "
         "corrected</th></tr></thead>\n<tbody class=\"rows\">\n" +
         rows + "</tbody></table></div>\n";
}

std::string results_markdown(const research::Metrics& metrics) {
  std::string out = "| Setting |", rule = "\n| :--- |";
  for (const std::size_t m : columns(metrics, true)) {
    out += ' ';
    out += std::string(research::metric_infos()[m].label) + " |";
    rule += " ---: |";
  }
  out += rule + "\n";
  for (const research::SettingMetrics* row : ordered(metrics)) {
    out += "| " + markdown_escaped(row->setting) + " |";
    for (const std::size_t m : columns(metrics, true)) {
      const research::Metric& metric = row->metrics[m];
      const std::string value = research::metric_text(research::metric_infos()[m], metric.value);
      out += is_closest(metrics, *row, m) ? " **" + value + "**" : " " + value;
      if (metric.interval) {
        out += " (" + interval_text(research::metric_infos()[m], *metric.interval) + ")";
      }
      out += " |";
    }
    out += "\n";
  }
  return out;
}

std::string results_latex(const research::Metrics& metrics) {
  const Columns chosen = columns(metrics, true);
  std::string out = "% \\usepackage{booktabs}\n\\begin{tabular}{l" +
                    std::string(chosen.size(), 'r') + "}\n\\toprule\nSetting";
  for (const std::size_t m : chosen) {
    out += " & " + latex_escaped(std::string(research::metric_infos()[m].label));
  }
  out += " \\\\\n\\midrule\n";
  for (const research::SettingMetrics* row : ordered(metrics)) {
    out += latex_escaped(row->setting);
    for (const std::size_t m : chosen) {
      const research::Metric& metric = row->metrics[m];
      const std::string value =
          latex_escaped(research::metric_text(research::metric_infos()[m], metric.value));
      out += " & ";
      out += is_closest(metrics, *row, m) ? "\\textbf{" + value + "}" : value;
      if (metric.interval) {
        out += " {\\scriptsize (" + interval_text(research::metric_infos()[m], *metric.interval) +
               ")}";
      }
    }
    out += row->is_reference ? " \\\\\n\\midrule\n" : " \\\\\n";
  }
  return out + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace medgen::report
