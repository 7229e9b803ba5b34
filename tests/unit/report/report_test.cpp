// The report: complete, cut off from the network, and safe against markup in what it shows.
#include "report/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "report/scatter_chart.h"

namespace medgen::report {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kNasty = "</script><img src=x onerror=alert(1)> & \"quoted\" 'single'";

std::vector<research::Sample> samples(const std::vector<std::string>& settings,
                                      const std::string& text) {
  std::vector<research::Sample> all;
  for (std::size_t s = 0; s < settings.size(); ++s) {
    for (int p = 0; p < 25; ++p) {
      research::Sample& sample = all.emplace_back(
          research::Sample{settings[s], std::string("p").append(std::to_string(p))});
      sample.prompt = std::string("prompt ") + text;
      sample.text = text;
      for (int i = 0; i < 12; ++i) {
        sample.tokens.push_back((p * 5 + i * i * static_cast<int>(s + 1)) % 31);
      }
      sample.num_tokens = 12;
      sample.logprob = -10.0 - static_cast<double>(s) - p % 4;
      sample.finish_reason = text;
    }
  }
  return all;
}

research::MetricsOptions options(const std::string& baseline) {
  research::MetricsOptions options;
  options.bootstrap_resamples = 50;
  options.baseline = baseline;
  return options;
}

ReportContext grid_context() {
  ReportContext context;
  context.settings = {{"t=0.5", {{"temperature", 0.5}, {"top_k", 0}}},
                      {"t=1", {{"temperature", 1.0}, {"top_k", 0}}}};
  context.swept = {{"temperature", {{"t=0.5", 0.5}, {"t=1", 1}}},
                   {"top_k", {{"t=0.5", 0}, {"t=1", 0}}}};
  context.model_name = "small";
  context.notices = {"Made by a machine."};
  return context;
}

std::string grid_report() {
  const auto all = samples({"t=0.5", "t=1"}, "it hurts");
  const auto reference = samples({"human"}, "it aches");
  return report_html(research::compute_metrics(all, reference, options("t=0.5")), all,
                     grid_context());
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// Elements that are opened and not closed, or the reverse, in document order; empty: well nested.
std::string unbalanced(std::string html) {
  html = std::regex_replace(html, std::regex("<(style|script)>[^]*?</\\1>"), "");
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z0-9]+)((?:[^>\"]|\"[^\"]*\")*?)(/?)>");
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if ((*it)[4] == "/" || name == "meta") continue;
    if ((*it)[1] != "/") {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return std::string("</") + name + ">";
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : std::string("<") + open.back() + ">";
}

TEST(ReportTest, HasEverySection) {
  const std::string html = grid_report();
  for (const char* part :
       {"<h2>What was compared</h2>", "<h2>Results</h2>", "<h2>Figures</h2>", "<h2>Texts</h2>",
        "<h2>Terms</h2>", "Made by a machine.", "small", "class=\"human\"", "class=\"closest\"",
        "\\begin{tabular}", "| Setting |", "Differences from the baseline t=0.5"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_EQ(unbalanced(html), "");
}

TEST(ReportTest, NamesNoAddressAndNoOtherFile) {
  const std::string html = grid_report();
  EXPECT_EQ(count(html, "http"), count(html, "http-equiv"));
  EXPECT_EQ(count(html, "//"), 0U);
  for (const char* part : {" src=", " href=", "url(", "@import", "<link", "<iframe"}) {
    EXPECT_THAT(html, Not(HasSubstr(part)));
  }
}

TEST(ReportTest, DrawsAFigureForEachVariableThatWasVaried) {
  const std::string html = grid_report();
  EXPECT_THAT(html, HasSubstr("Along <code>temperature</code>"));
  EXPECT_THAT(html, Not(HasSubstr("Along <code>top_k</code>")));  // it is the same for all
  EXPECT_EQ(count(html, "<svg"), 7U);  // diversity against quality, and six measures
  EXPECT_EQ(count(html, "class=\"point\""), 14U);
  EXPECT_THAT(html, HasSubstr("class=\"interval\""));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
}

TEST(ReportTest, EveryFigureIsToldInWordsAndNamesItsLogarithmicAxis) {
  const std::string html = grid_report();
  EXPECT_EQ(count(html, "<desc>"), 7U);
  EXPECT_EQ(count(html, "<figcaption>"), 7U);
  EXPECT_THAT(html, ContainsRegex("<figcaption>Perplexity is (lowest, |[0-9.]+ everywhere)"));
  EXPECT_THAT(html, HasSubstr("Perplexity (logarithmic)</text>"));
}

TEST(ReportTest, WithoutAVariableSettingsArePoints) {
  const auto all = samples({"nucleus", "greedy", "beams"}, "it hurts");
  const std::string html = report_html(research::compute_metrics(all, {}, options("")), all, {});
  EXPECT_EQ(count(html, "<svg"), 1U);
  EXPECT_EQ(count(html, "class=\"point\""), 3U);
  EXPECT_THAT(html, Not(HasSubstr("Differences from")));
  EXPECT_EQ(unbalanced(html), "");
}

TEST(ReportTest, NothingFromOutsideBecomesMarkup) {
  const auto all = samples({kNasty, "b"}, kNasty);
  ReportContext context;
  context.title = context.program = context.model_name = context.model_sha256 =
      context.prompts_name = context.prompts_sha256 = context.reference_name = kNasty;
  context.notices = {kNasty};
  context.settings = {{kNasty, {{kNasty, kNasty}}}, {"b", {{kNasty, 1}}}};
  context.swept = {{kNasty, {{kNasty, 1}, {"b", 2}}}};
  const std::string html =
      report_html(research::compute_metrics(all, all, options(kNasty)), all, context);
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_EQ(count(html, "</script>"), 1U);
  EXPECT_THAT(html, HasSubstr("&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt; &amp; "
                              "&quot;quoted&quot; &#39;single&#39;"));
  EXPECT_EQ(unbalanced(html), "");
}

TEST(ReportTest, NestingCheckSeesFaults) {
  EXPECT_EQ(unbalanced("<p><b>x</p>"), "</p>");
  EXPECT_EQ(unbalanced("<p><b>x</b>"), "<p>");
}

// The page runs no script but its own, whatever its text contains.
TEST(ReportTest, PolicyHoldsTheHashOfTheScript) {
  const std::string html = grid_report();
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  EXPECT_TRUE(std::regex_search(html, std::regex("script-src 'sha256-[A-Za-z0-9+/]{43}='")));
}

TEST(ReportTest, TheSameInputGivesTheSameBytes) { EXPECT_EQ(grid_report(), grid_report()); }

TEST(ScatterChartTest, PutsPointsAndIntervalsInTheirPlaces) {
  ScatterChart chart;
  chart.width = 386;  // 300 between the axes' ends
  chart.height = 260;
  chart.series = {{"a", {{0, 0, research::Interval{0, 0}, research::Interval{0, 50}}, {100, 100}}}};
  const std::string svg = to_svg(chart);
  // 6 % of room at the far ends: 0 to 106.
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"64.0\" cy=\"214.0\" r=\"4.0\""));
  EXPECT_THAT(svg, HasSubstr("<circle cx=\"347.0\" cy=\"25.3\" r=\"4.0\""));
  EXPECT_THAT(svg, HasSubstr("d=\"M64.0 214.0L347.0 25.3\""));
  EXPECT_THAT(svg, HasSubstr("x1=\"64.0\" y1=\"214.0\" x2=\"64.0\" y2=\"119.7\""));
}

// How many pairs of labels touch, each taken as 6 pixels a letter and 11 high.
int touching_labels(const std::string& svg) {
  struct Label {
    double left, right, y;
  };
  std::vector<Label> labels;
  const std::regex label(
      R"re(<text x="([0-9.]+)" y="([0-9.]+)" text-anchor="(\w+)" font-size="11">([^<]*)<)re");
  for (std::sregex_iterator it(svg.begin(), svg.end(), label), end; it != end; ++it) {
    const double width = 6 * static_cast<double>((*it)[4].length());
    const double x = std::stod((*it)[1]);
    const double left = (*it)[3] == "start" ? x : (*it)[3] == "end" ? x - width : x - width / 2;
    labels.push_back({left, left + width, std::stod((*it)[2])});
  }
  int touching = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      touching += labels[i].left < labels[j].right && labels[j].left < labels[i].right &&
                  std::fabs(labels[i].y - labels[j].y) < 11;
    }
  }
  return touching;
}

TEST(ScatterChartTest, LabelsDoNotTouch) {
  ScatterChart chart;
  ScatterSeries crowd{"a", {}};
  for (int i = 0; i < 20; ++i) {
    crowd.points.push_back({50 + 0.3 * i, 50 + 0.2 * i, {}, {}, "label " + std::to_string(i)});
  }
  crowd.points.push_back({0, 0, {}, {}, "far"});
  crowd.points.push_back({100, 100, {}, {}, "away"});
  chart.series = {crowd};
  const std::string svg = to_svg(chart);
  EXPECT_EQ(touching_labels(svg), 0);
  EXPECT_GT(count(svg, "font-size=\"11\""), 3U);
  EXPECT_THAT(svg, AllOf(HasSubstr(">far<"), HasSubstr(">away<")));
}

TEST(ScatterChartTest, TheCheckOfLabelsSeesThoseThatTouch) {
  const std::string one = R"(<text x="10.0" y="20.0" text-anchor="start" font-size="11">ab</text>)";
  const std::string two = R"(<text x="19.0" y="25.0" text-anchor="middle" font-size="11">c</text>)";
  EXPECT_EQ(touching_labels(one + two), 1);
  EXPECT_EQ(touching_labels(one), 0);
}

TEST(ScatterChartTest, LeavesOutWhatCannotBeDrawn) {
  ScatterChart chart;
  chart.x_axis = Axis::kLog;
  chart.series = {{"a", {{0, 1}, {NAN, 1}, {1, INFINITY}, {1, 2}, {10, 3}}}, {"none", {}}};
  const std::string svg = to_svg(chart);
  EXPECT_EQ(count(svg, "class=\"point\""), 2U);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf\"")));
  chart.series.clear();
  EXPECT_THAT(to_svg(chart), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace medgen::report
