// See the header.
#include "report/agree_page.h"

#include <fmt/format.h>

#include "report/chart_parts.h"
#include "report/line_chart.h"
#include "report/page.h"
#include "report/report_parts.h"

namespace medgen::report {
namespace {

// Besides the report's own style.
constexpr std::string_view kAgreeStyle = R"css(
blockquote { margin: .6rem 0 1.2rem; padding: .5rem .9rem; background: var(--soft); white-space: pre-wrap; overflow-wrap: anywhere; }
ul.branches { list-style: none; max-width: none; margin: 0; padding: 0 0 0 1.1rem; border-left: 1px solid var(--rule); }
ul.branches li { margin: .15rem 0; overflow-wrap: anywhere; }
ul.branches .numbers { color: var(--quiet); font: 13px/1.3 system-ui, "Liberation Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; }
ul.branches .bar { display: block; height: .3rem; background: var(--link); opacity: .55; border-radius: 2px; margin: .1rem 0; }
figure svg.branches { max-width: none; }
ul.branches .bar { max-width: 100%; }
ul.branches .words { unicode-bidi: isolate; }
table.agree { width: auto; } .scroll:has(> table.agree) { width: fit-content; }
)css";

constexpr double kBarWidth = 28;  // rem, of all continuations

std::string percent_range(const AgreedShare& share) {
  return fmt::format("{:.0f} % [{:.0f}, {:.0f}]", 100 * share.share, 100 * share.interval.low,
                     100 * share.interval.high);
}

std::string words_markup(const AgreedBranch& branch) {
  using Then = why::Branch::Then;
  std::string words = "<span class=\"words\">" + escape_markup(branch.words) + "</span>";
  if (branch.words.empty())
    words = branch.then == Then::kParts ? "<em>(they part at once)</em>" : "";
  if (branch.then == Then::kEnds) words += " <em>(ends)</em>";
  if (branch.then == Then::kCut) words += " <em>(cut off by a limit)</em>";
  return words;
}

class BranchList {
 public:
  BranchList(const Agreement& agreement, int fewest) : agreement_(agreement), fewest_(fewest) {}

  std::string markup() {
    return agreement_.branches.empty() ? "" : "<ul class=\"branches\">\n" + item(0) + "</ul>\n";
  }

 private:
  std::string item(int index) {
    const AgreedBranch& branch = agreement_.branches[static_cast<std::size_t>(index)];
    const std::string line = fmt::format(
        "{} <span class=\"numbers\">{} of {}, {}</span><span class=\"bar\" aria-hidden=\"true\" "
        "style=\"width:{:.2f}rem\"></span>",
        words_markup(branch), branch.share.count, agreement_.continuations,
        percent_range(branch.share), kBarWidth * branch.share.share);
    std::string shown, few;
    for (int i = index + 1; i < static_cast<int>(agreement_.branches.size()); ++i) {
      const AgreedBranch& child = agreement_.branches[static_cast<std::size_t>(i)];
      if (child.depth <= branch.depth) break;
      if (child.parent != index) continue;
      (child.share.count < fewest_ ? few : shown) += item(i);
    }
    if (shown.empty() && few.empty()) return "<li>" + line + "</li>\n";
    std::string inside;
    if (!shown.empty()) inside += "<ul class=\"branches\">\n" + shown + "</ul>\n";
    if (!few.empty()) {
      inside += "<details><summary>" +
                summed_up_words(summed_up(agreement_, index, fewest_), fewest_) +
                "</summary>\n<ul class=\"branches\">\n" + few + "</ul></details>\n";
    }
    return "<li><details open><summary>" + line + "</summary>\n" + inside + "</details></li>\n";
  }

  const Agreement& agreement_;
  int fewest_;
};

std::string entropy_section(const Agreement& agreement) {
  LineChart chart;
  chart.title = "How far the continuations part, word by word";
  chart.x_label = "word of the continuation";
  chart.y_label = "entropy (bits)";
  LineSeries drawn{.name = "of those still together", .points = {}, .band = true, .marks = true};
  LineSeries model{.name = "the model's own, mean", .points = {}, .marks = true};
  std::string rows;
  for (const AgreedPlace& place : agreement.places) {
    if (place.entropy) {
      const research::Interval of =
          place.interval.value_or(research::Interval{*place.entropy, *place.entropy});
      drawn.points.push_back({static_cast<double>(place.number), *place.entropy, of.low, of.high});
    }
    if (place.model_entropy) {
      model.points.push_back({static_cast<double>(place.number), *place.model_entropy});
    }
    const auto bits = [](const std::optional<double>& value) {
      return value ? fmt::format("{:.2f}", *value) : std::string("-");
    };
    rows += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}{}</td><td>{}</td><td>{}</td></tr>\n",
        place.number, place.together, bits(place.entropy),
        place.interval ? fmt::format("<small>[{:.2f}, {:.2f}]</small>", place.interval->low,
                                     place.interval->high)
                       : "",
        place.with_word, bits(place.model_entropy));
  }
  chart.series = {drawn, model};
  return "<h2>Entropy along the text</h2>\n<p>Where it is 0, all who have said the same so far go "
         "on "
         "with the same word; 1 bit is as open as a coin. It is measured among continuations that "
         "are not alone with their words yet, so it says less where few are together. The model's "
         "own counts every word that it could have said, before temperature and filters.</p>\n"
         "<figure><div class=\"scroll\">" +
         to_svg(chart) +
         "</div></figure>\n<details><summary>The numbers</summary><div class=\"scroll\"><table "
         "class=\"agree\"><thead><tr><th scope=\"col\">Word</th><th scope=\"col\">Together</th><th "
         "scope=\"col\">Entropy, bits</th><th scope=\"col\">With this word</th><th "
         "scope=\"col\">The model's own, bits</th></tr></thead>\n<tbody>\n" +
         rows + "</tbody></table></div></details>\n";
}

std::string terms_section(const Agreement& agreement, int fewest) {
  std::string rows;
  for (const AgreedTerm& term : agreement.terms) {
    rows += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td></tr>\n",
                        escape_markup(term.text), term.share.count, percent_range(term.share));
  }
  const std::string which =
      agreement.terms_given
          ? "The terms of the list, in alphabetical order, also those that none mentions."
          : fmt::format(
                "Content words that at least {} continuations mention, in alphabetical order.",
                fewest);
  return "<h2>Terms</h2>\n<p>" + which + " " + std::string(agreement_meaning()) +
         "</p>\n<div class=\"scroll\"><table class=\"agree\"><thead><tr><th "
         "scope=\"col\">Term</th><th scope=\"col\">Continuations</th><th scope=\"col\">Share "
         "[95 % interval]</th></tr></thead>\n<tbody>\n" +
         rows + "</tbody></table></div>\n";
}

}  // namespace

std::string agree_html(const Agreement& agreement, const AgreePage& page) {
  std::string facts;
  for (const auto& [name, value] : page.facts) {
    facts += "<dt>" + escape_markup(name) + "</dt><dd>" + escape_markup(value) + "</dd>\n";
  }
  const std::string style = std::string(report_style()) + std::string(kAgreeStyle);
  return report::page(
      {.title = fmt::format("Where {} continuations agree and part", agreement.continuations),
       .body =
           "<p class=\"subtitle\">Texts that a model wrote from one beginning.</p>\n"
           "<div class=\"notice\"><p>" +
           escape_markup(page.notice) + "</p><p>" + std::string(agreement_meaning()) +
           "</p></div>\n<h2>The text that was continued</h2>\n<blockquote>" +
           escape_markup(page.prompt) + "</blockquote>\n<dl class=\"facts\">\n" + facts +
           "</dl>\n<h2>Branches</h2>\n<p>Words that continuations share, and where these go "
           "different ways, with the share of all of them and its 95 % interval. Branches stand "
           "in alphabetical order.</p>\n<figure><div class=\"scroll\">" +
           branch_svg(agreement, page.fewest) +
           "</div><figcaption>As high as the share, up to twelve columns. The list beneath holds "
           "all branches and all "
           "words.</figcaption></figure>\n" +
           BranchList(agreement, page.fewest).markup() + entropy_section(agreement) +
           terms_section(agreement, page.fewest),
       .style = style});
}

}  // namespace medgen::report
