// The page: what was asked, what was found, the texts, the terms.
#include "report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/chart_parts.h"
#include "report/page.h"
#include "report/report_parts.h"

namespace medgen::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownPrompts = 8, kShownSettings = 24, kShownBytes = 2000;

std::string shown(const Json& value) {
  return escape_markup(value.is_string() ? value.get<std::string>() : value.dump());
}

std::string fact(const std::string& name, const std::string& value) {
  if (value.empty()) return "";
  return "<dt>" + name + "</dt><dd>" + escape_markup(value) + "</dd>\n";
}

std::string paragraphs(const std::vector<std::string>& texts, const std::string& kind) {
  std::string out;
  for (const std::string& text : texts) out += "<p>" + escape_markup(text) + "</p>\n";
  return out.empty() ? out : "<div class=\"" + kind + "\">\n" + out + "</div>\n";
}

std::string subtitle(const research::Metrics& metrics, const ReportContext& context) {
  std::size_t settings = 0, texts = 0, prompts = 0;
  for (const research::SettingMetrics& row : metrics.rows) {
    if (row.is_reference) continue;
    ++settings;
    texts += row.texts;
    prompts = std::max(prompts, row.prompts);
  }
  const auto counted = [](std::size_t n, const std::string& what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
  };
  std::string out = fmt::format("{}, {}, {}", counted(settings, "setting"),
                                counted(prompts, "prompt"), counted(texts, "text"));
  if (!context.model_name.empty()) out += "; model " + context.model_name;
  return escape_markup(out);
}

std::string question(const ReportContext& context) {
  std::string facts =
      fact("Model", context.model_name) + fact("Model SHA-256", context.model_sha256) +
      fact("Prompts", context.prompts_name) + fact("Prompts SHA-256", context.prompts_sha256);
  if (context.samples_per_prompt > 0) {
    facts += fact("Texts for each prompt", fmt::to_string(context.samples_per_prompt));
  }
  if (context.has_seed) {
    facts += fact(
        "Seed",
        fmt::format("{}; sample i gets the same random numbers under every setting", context.seed));
  }
  facts += fact("Human texts", context.reference_name) + fact("Made with", context.program);
  return "<h2>What was compared</h2>\n<dl class=\"facts\">\n" + facts + "</dl>\n" +
         settings_section(context);
}

std::string results_caption(const research::Metrics& metrics) {
  std::string out = "One line per setting; click a heading to sort by its column.";
  if (metrics.bootstrap_resamples > 0) {
    out += fmt::format(
        " Below each value: {} % percentile interval from {} resampled sets of prompts.",
        number_label(100 * metrics.confidence), metrics.bootstrap_resamples);
  }
  if (metrics.reference() != nullptr) {
    out +=
        " Marked: the setting closest to the human texts, or several that are equally close, "
        "which is best; neither the lowest nor highest is.";
  }
  if (!metrics.baseline.empty()) {
    out += " * differs from the baseline " + metrics.baseline + " (p < 0.05 after Holm).";
  }
  return "<p class=\"caption\">" + escape_markup(out) + " Counted in " + metrics.unit + "s.</p>\n";
}

std::string copies(const research::Metrics& metrics) {
  const auto copy = [](const char* name, const std::string& text) {
    return std::string("<details><summary>") + name + "</summary><pre class=\"copy\">" +
           escape_markup(text) + "</pre></details>\n";
  };
  return "<h3>To paste elsewhere</h3>\n" +
         copy("CSV, every measure", research::metrics_csv(metrics)) +
         copy("Markdown", results_markdown(metrics)) + copy("LaTeX", results_latex(metrics));
}

std::string results(const research::Metrics& metrics) {
  std::string out = "<h2>Results</h2>\n" + results_table(metrics) + results_caption(metrics) +
                    paragraphs(metrics.notices, "notice") +
                    "<details><summary>More measures, and how texts ended</summary>\n" +
                    more_measures_table(metrics) + "</details>\n";
  const std::string differences = differences_table(metrics);
  if (!differences.empty()) {
    out += "<details><summary>Differences from the baseline " + escape_markup(metrics.baseline) +
           "</summary>\n" + differences +
           "<p class=\"caption\">Setting minus baseline on the same prompts and draws. p is "
           "two-sided, of a permutation test; corrected for all lines of this table together "
           "(Holm).</p></details>\n";
  }
  return out + copies(metrics);
}

std::string terms(const research::Metrics& metrics) {
  std::string out = "<h2>Terms</h2>\n<dl class=\"terms\">\n";
  for (std::size_t m = 0; m < research::metric_infos().size(); ++m) {
    if (!metrics.shows(m)) continue;
    const research::MetricInfo& info = research::metric_infos()[m];
    out += "<dt>" + escape_markup(std::string(info.label)) + "</dt><dd>" +
           escape_markup(std::string(info.help)) + "</dd>\n";
  }
  return out +
         "<dt>Intervals</dt><dd>Prompts are resampled with all their texts, the same ones for "
         "every setting. Perplexity, entropy and length are recomputed each time. For self-BLEU, "
         "distinct-n, once-n and Zipf each prompt's influence (its jackknife pseudo-value) is "
         "resampled: a text drawn twice would count as repetition. Shares have Wilson's "
         "interval.</dd>\n</dl>\n";
}

std::string brief(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "\u2026";
}

std::string card(const research::Sample& sample) {
  std::string foot = sample.finish_reason.empty() ? "" : "ended: " + sample.finish_reason;
  if (sample.num_tokens > 0) {
    foot += fmt::format("{}{} tokens", foot.empty() ? "" : ", ", sample.num_tokens);
  }
  return "<article><h4>" + escape_markup(sample.setting) + "</h4><p dir=\"auto\">" +
         escape_markup(brief(sample.text, kShownBytes)) + "</p><footer>" + escape_markup(foot) +
         "</footer></article>\n";
}

}  // namespace

std::string settings_section(const ReportContext& context) {
  std::vector<std::string> names;
  for (const auto& [setting, values] : context.settings.items()) {
    for (const auto& [name, value] : values.items()) {
      if (std::count(names.begin(), names.end(), name) == 0) names.push_back(name);
    }
  }
  std::string heads, fixed;
  std::vector<std::string> varied;
  for (const std::string& name : names) {
    std::set<std::string> different;
    for (const auto& [setting, values] : context.settings.items()) {
      different.insert(values.contains(name) ? values[name].dump() : "");
    }
    if (different.size() > 1) {
      varied.push_back(name);
      heads += "<th scope=\"col\">" + escape_markup(name) + "</th>";
    } else {
      fixed += "<dt>" + escape_markup(name) + "</dt><dd>" +
               shown(context.settings.begin().value()[name]) + "</dd>\n";
    }
  }
  std::string out;
  if (!varied.empty()) {
    out +=
        "<div class=\"scroll\"><table class=\"sortable settings\"><thead><tr><th "
        "scope=\"col\">Setting</th>" +
        heads + "</tr></thead>\n<tbody class=\"rows\">\n";
    for (const auto& [setting, values] : context.settings.items()) {
      out += "<tr><th scope=\"row\">" + escape_markup(setting) + "</th>";
      for (const std::string& name : varied) {
        const bool given = values.contains(name);
        out += "<td";
        if (given && values[name].is_number()) {
          out += " data-value=\"" + values[name].dump() + "\"";
        }
        out += '>';
        out += (given ? shown(values[name]) : "-") + "</td>";
      }
      out += "</tr>\n";
    }
    out += "</tbody></table></div>\n";
  }
  if (!fixed.empty()) {
    out += "<details><summary>The same for all settings</summary>\n<dl class=\"facts\">\n" + fixed +
           "</dl></details>\n";
  }
  return out;
}

std::string samples_section(const research::Metrics& metrics,
                            const std::vector<research::Sample>& samples) {
  std::vector<std::string> prompts;  // in order of appearance
  std::map<std::string, std::map<std::string, const research::Sample*>>
      first;  // prompt -> setting -> text
  for (const research::Sample& sample : samples) {
    if (!first.contains(sample.prompt_id)) {
      if (prompts.size() == kShownPrompts) continue;
      prompts.push_back(sample.prompt_id);
    }
    const research::Sample*& best = first[sample.prompt_id][sample.setting];
    if (best == nullptr || sample.index < best->index) best = &sample;
  }
  std::string out = fmt::format(
      "<h2>Texts</h2>\n<p>The first text of every setting for the first {} prompts, in the order "
      "of the file: not chosen for what they say. All of them were made by a machine and may be "
      "wrong.</p>\n",
      prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    std::string cards, prompt;
    std::size_t count = 0;
    for (const research::SettingMetrics& row : metrics.rows) {
      const auto it = first[prompts[i]].find(row.setting);
      if (row.is_reference || it == first[prompts[i]].end() || ++count > kShownSettings) continue;
      prompt = it->second->prompt;
      cards += card(*it->second);
    }
    if (count > kShownSettings) {
      cards += fmt::format("<p>and of {} more settings</p>\n", count - kShownSettings);
    }
    out += std::string("<details class=\"prompt\"") + (i < 2 ? " open" : "") + "><summary>" +
           escape_markup(brief(prompt.empty() ? "Prompt " + prompts[i] : prompt, kShownBytes)) +
           "</summary>\n<div class=\"texts\">\n" + cards + "</div></details>\n";
  }
  return out;
}

std::string report_html(const research::Metrics& metrics,
                        const std::vector<research::Sample>& samples,
                        const ReportContext& context) {
  return page({.title = context.title,
               .body = "<p class=\"subtitle\">" + subtitle(metrics, context) + "</p>\n" +
                       paragraphs(context.notices, "notice") + question(context) +
                       results(metrics) + "<h2>Figures</h2>\n" + report_figures(metrics, context) +
                       samples_section(metrics, samples) + terms(metrics),
               .style = report_style(),
               .script = report_script()});
}

}  // namespace medgen::report
