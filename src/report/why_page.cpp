#include "report/why_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "medgen/version.h"
#include "report/chart_parts.h"
#include "report/page.h"

namespace medgen::report {
namespace {

using why::Account;

constexpr std::size_t kMostPairs = 100'000;
constexpr std::size_t kLeadingOfRow = 5;

// Shades p3 .. p1 made the text likelier, m1 .. m3 less likely; lines beneath say the same without
// colour.
constexpr std::string_view kWhyStyle = R"(
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1e21; --quiet: #5b6169; --rule: #d9dce0; --link: #0b57a4;
  --p1: #dcebf9; --p2: #a9d0f2; --p3: #6db1e8; --m1: #fbecd5; --m2: #f6cf97; --m3: #eda94c; --shaded: #111; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --ink: #e5e7ea; --quiet: #a4abb4; --rule: #343940; --link: #8cc2ff;
  --p1: #1d3347; --p2: #23527d; --p3: #2c72b5; --m1: #40301a; --m2: #6b4a17; --m3: #94640f; --shaded: #fff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 17px/1.9 Charter, Georgia, serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; }
a { color: var(--link); } p { max-width: 46rem; margin: .5rem 0; } .small, footer { font-size: .9rem; line-height: 1.5; color: var(--quiet); }
.trust { border-left: 4px solid var(--link); padding-left: .9rem; line-height: 1.5; }
.notice { border: 1px solid var(--rule); padding: .6rem .9rem; font-size: .9rem; line-height: 1.5; }
.text { line-height: 2.1; overflow-wrap: anywhere; }
.w { position: relative; padding: .1em .15em; border-radius: 3px; color: inherit; text-decoration: none; }
.p1, .p2, .p3, .m1, .m2, .m3 { color: var(--shaded); }
.p1 { background: var(--p1); } .p2 { background: var(--p2); } .p3 { background: var(--p3); border-bottom: 3px solid; }
.m1 { background: var(--m1); } .m2 { background: var(--m2); } .m3 { background: var(--m3); border-bottom: 3px dotted; }
.w:focus, .w:hover { outline: 2px solid var(--link); z-index: 1; }
.n { position: absolute; left: 0; top: 100%; padding: 0 .4em; background: var(--ink); color: var(--ground); font: 13px/1.6 system-ui, sans-serif;
  white-space: nowrap; border-radius: 3px; opacity: 0; pointer-events: none; }
.w:focus .n, .w:hover .n { opacity: 1; }
a.w { text-decoration: underline dotted; }
.view { border: 1px solid var(--rule); padding: .2rem 1rem; margin: .6rem 0; } .view:not(:target) { display: none; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font: 14px/1.4 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: left; vertical-align: top; border-top: 1px solid var(--rule); } td.number { text-align: right; }
@media print { .view:not(:target) { display: none; } main { max-width: none; } }
)";

std::string shade_class(double value, double largest) {
  const int shade = why::shade_of(value, largest);
  if (shade == 0) return "w";
  return fmt::format("w {}{}", shade > 0 ? 'p' : 'm', std::abs(shade));
}

double largest_of(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest < 0.005 ? 0 : largest;
}

// The text with its spans as elements that can be reached.
std::string shaded_html(const Account& account, const why::MarkedText& text, std::size_t first,
                        std::span<const double> values, double largest) {
  std::string html = "<p class=\"text\">";
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.spans.size(); ++i) {
    const why::Span& span = text.spans[i];
    html += escape_markup(why::readable(text.text.substr(done, span.begin - done)));
    html += fmt::format(
        "<span class=\"{}\" tabindex=\"0\">{}<span class=\"n\"> {:+.3f} {}</span></span>",
        shade_class(values[i], largest), escape_markup(account.source_text(first + i)), values[i],
        account.options.method.unit);
    done = span.end;
  }
  return html + escape_markup(why::readable(text.text.substr(done))) + "</p>\n";
}

std::string prompt_html(const Account& account, std::span<const double> values) {
  const std::size_t spans = account.question.prompt.spans.size();
  return shaded_html(account, account.question.prompt, 0, values.first(spans), largest_of(values));
}

bool has_views(const Account& account) {
  return account.attribution.targets * account.attribution.sources <= kMostPairs;
}

std::string made_html(const Account& account) {
  std::string html = "<p class=\"text\">";
  for (std::size_t t = 0; t < account.attribution.targets; ++t) {
    html += fmt::format("<a class=\"w\" href=\"#{}{}\">{}</a> ", has_views(account) ? 'v' : 'r', t,
                        escape_markup(account.target_text(t)));
  }
  return html + "</p>\n";
}

std::span<const double> row_of(const Account& account, std::size_t target) {
  const why::Attribution& found = account.attribution;
  return std::span(found.influence).subspan(target * found.sources, found.sources);
}

// Shown when its made word is chosen.
std::string views_html(const Account& account) {
  if (!has_views(account)) return {};
  const std::size_t spans = account.question.prompt.spans.size();
  std::string html;
  for (std::size_t t = 0; t < account.attribution.targets; ++t) {
    const std::span<const double> row = row_of(account, t);
    html += fmt::format(
        "<section class=\"view\" id=\"v{0}\" aria-label=\"What led to one made word\">"
        "<h3>What led to “{1}”</h3>\n",
        t, escape_markup(account.target_text(t)));
    html += prompt_html(account, row);
    if (row.size() > spans) {
      html +=
          "<p class=\"small\">earlier machine-made words</p>\n" +
          shaded_html(account, account.question.made, spans, row.subspan(spans), largest_of(row));
    }
    html += fmt::format(
        "<p class=\"small\"><a href=\"#r{}\">its row of the table</a></p></section>\n", t);
  }
  return html;
}

std::string influences_html(const Account& account, std::size_t target) {
  const why::Attribution& found = account.attribution;
  std::string html;
  for (const std::size_t s : why::leading_sources(account, target, kLeadingOfRow)) {
    html += fmt::format("{}{} {:+.3f}", html.empty() ? "" : ", ",
                        escape_markup(account.source_text(s)), found.at(target, s));
    if (!found.errors.empty())
      html += fmt::format(" ± {:.3f}", found.errors[target * found.sources + s]);
  }
  return html.empty() ? "none" : html;
}

std::string made_table(const Account& account) {
  std::string html = fmt::format(
      "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">made word</th><th "
      "scope=\"col\">{}"
      "</th><th scope=\"col\">{}s of most influence ({})</th></tr></thead>\n<tbody>\n",
      account.question.contrasts() ? "difference (nats)" : "log-probability", account.part,
      account.options.method.unit);
  for (std::size_t t = 0; t < account.attribution.targets; ++t) {
    html += fmt::format(
        "<tr id=\"r{}\"><th scope=\"row\">{}</th><td "
        "class=\"number\">{:.3f}</td><td>{}</td></tr>\n",
        t, escape_markup(account.target_text(t)), account.whole[t], influences_html(account, t));
  }
  return html + "</tbody></table></div>\n";
}

std::string sources_table(const Account& account) {
  const why::Attribution& found = account.attribution;
  std::string html = fmt::format(
      "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">{}</th><th "
      "scope=\"col\">influence on the "
      "whole text ({})</th></tr></thead>\n<tbody>\n",
      account.part, account.options.method.unit);
  for (std::size_t s = 0; s < found.sources; ++s) {
    html +=
        fmt::format("<tr><th scope=\"row\">{}</th><td class=\"number\">{:+.3f}{}</td></tr>\n",
                    escape_markup(account.source_text(s)), account.sums[s],
                    found.sum_errors.empty() ? "" : fmt::format(" ± {:.3f}", found.sum_errors[s]));
  }
  return html + "</tbody></table></div>\n";
}

std::string origin_html(const Account& account, const WhyContext& context) {
  return fmt::format(
      "<footer><p>Model {} (SHA-256 {}), {}; method {}; the made text was {}{}. medgen "
      "{}.</p></footer>\n",
      escape_markup(context.model_name), escape_markup(context.model_sha256),
      escape_markup(context.precision), escape_markup(account.options.method.name),
      escape_markup(context.origin),
      context.seed ? fmt::format(" with seed {}", *context.seed) : "", version());
}

}  // namespace

std::string why_page(const Account& account, const WhyContext& context) {
  const std::size_t spans = account.question.prompt.spans.size();
  std::string body = "<p class=\"notice\">" + escape_markup(context.notice) + "</p>\n";
  body += "<p class=\"trust\">" + escape_markup(why::trust_in_words(account)) + "</p>\n";
  body += "<h2>The prompt, shaded by its influence on the whole machine-made text</h2>\n";
  body += prompt_html(account, account.sums);
  body +=
      "<p class=\"small\">Blue, underlined where strongest: made the text likelier. Orange, "
      "dotted: less "
      "likely. Point at a word, or go to it with the Tab key, for its number.</p>\n";
  body += "<h2>The machine-made text</h2>\n";
  body += has_views(account) ? "<p class=\"small\">Choose a word to see what led to it.</p>\n" : "";
  body += made_html(account) + views_html(account);
  if (account.attribution.sources > spans) {
    body +=
        "<h2>Its words, shaded by their influence on later ones</h2>\n" +
        shaded_html(account, account.question.made, spans,
                    std::span<const double>(account.sums).subspan(spans), largest_of(account.sums));
  }
  body += "<p>" + escape_markup(why::reading_in_words(account)) + "</p>\n";
  body += "<h2>Each made word</h2>\n" + made_table(account);
  body += "<h2>Each " + account.part + " of the prompt</h2>\n" + sources_table(account);
  body += origin_html(account, context);
  return page({.title = "Why these words", .body = std::move(body), .style = kWhyStyle});
}

}  // namespace medgen::report
