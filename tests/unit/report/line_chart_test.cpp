// Line charts: where values land, what is drawn, and that the file is well-formed.
#include "report/line_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <string>
#include <vector>

namespace medgen::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

LineChart chart_of(std::vector<LinePoint> points) {
  LineChart chart;
  chart.title = "Title";
  chart.x_label = "across";
  chart.y_label = "up";
  chart.series = {{.name = "one", .points = std::move(points)}};
  return chart;
}

// The places of the first line's corners.
std::vector<std::pair<double, double>> corners(const std::string& svg) {
  std::vector<std::pair<double, double>> places;
  const std::size_t line = svg.find("class=\"line\"");
  if (line == std::string::npos) return places;
  const std::size_t begin = svg.find(" d=\"", line) + 4;
  const std::string path = svg.substr(begin, svg.find('"', begin) - begin);
  const std::regex corner("[ML]([-0-9.]+) ([-0-9.]+)");
  for (std::sregex_iterator i(path.begin(), path.end(), corner), end; i != end; ++i) {
    places.emplace_back(std::stod((*i)[1]), std::stod((*i)[2]));
  }
  return places;
}

// Every opened element is closed, in order; empty if so.
std::string fault_of_markup(const std::string& svg) {
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z]+)");
  for (std::sregex_iterator i(svg.begin(), svg.end(), tag), end; i != end; ++i) {
    const std::string name = (*i)[2];
    if ((*i)[1].length() > 0) {
      if (open.empty() || open.back() != name) return "</" + name + "> closes nothing";
      open.pop_back();
    } else if (svg[svg.find('>', static_cast<std::size_t>(i->position())) - 1] != '/') {
      open.push_back(name);
    }
  }
  if (svg.find("nan") != std::string::npos || svg.find("inf") != std::string::npos)
    return "no number";
  return open.empty() ? "" : "<" + open.back() + "> stays open";
}

TEST(LineChartTest, PutsValuesInTheirPlaces) {
  const auto places = corners(to_svg(chart_of({{0, 10}, {5, 20}, {10, 10}})));
  ASSERT_EQ(places.size(), 3U);
  EXPECT_LT(places[0].first, places[1].first);
  EXPECT_NEAR(places[1].first - places[0].first, places[2].first - places[1].first, 0.11);
  EXPECT_LT(places[1].second, places[0].second);  // larger is higher up, where y is smaller
  EXPECT_EQ(places[0].second, places[2].second);
}

TEST(LineChartTest, ALogarithmicAxisMakesEqualRatiosEqualSteps) {
  LineChart chart = chart_of({{1, 1}, {10, 10}, {100, 1000}});
  chart.x_axis = Axis::kLog;
  chart.y_axis = Axis::kLog;
  const auto places = corners(to_svg(chart));
  ASSERT_EQ(places.size(), 3U);
  EXPECT_NEAR(places[1].first - places[0].first, places[2].first - places[1].first, 0.11);
  EXPECT_NEAR(2 * (places[0].second - places[1].second), places[1].second - places[2].second, 0.3);
  chart.x_axis = Axis::kLinear;  // companion: on a linear axis they are not
  const auto linear = corners(to_svg(chart));
  EXPECT_GT(linear[2].first - linear[1].first, 5 * (linear[1].first - linear[0].first));
}

TEST(LineChartTest, LeavesOutWhatCannotBeDrawnAndPartsTheLine) {
  const std::string svg = to_svg(chart_of({{0, 1}, {1, 2}, {2, std::nan("")}, {3, 3}, {4, 4}}));
  EXPECT_EQ(fault_of_markup(svg), "");
  EXPECT_EQ(corners(svg).size(), 2U);
  LineChart log = chart_of({{1, -1}, {2, 0}, {3, 5}, {4, 6}});
  log.y_axis = Axis::kLog;
  EXPECT_EQ(corners(to_svg(log)).size(), 2U);
}

TEST(LineChartTest, DrawsBandsAndMarks) {
  LineChart chart = chart_of({{0, 1, 0.5, 1.5}, {1, 2, 1, 3}});
  EXPECT_THAT(to_svg(chart), Not(HasSubstr("class=\"band\"")));
  EXPECT_THAT(to_svg(chart), Not(HasSubstr("<circle")));
  chart.series[0].band = true;
  chart.series[0].marks = true;
  const std::string svg = to_svg(chart);
  EXPECT_THAT(svg, HasSubstr("class=\"band\""));
  EXPECT_THAT(svg, HasSubstr("<circle"));
  EXPECT_EQ(fault_of_markup(svg), "");
}

TEST(LineChartTest, IsReadableOnLightAndDarkGround) {
  const std::string svg = to_svg(chart_of({{0, 1}, {1, 2}}));
  EXPECT_THAT(svg, HasSubstr("prefers-color-scheme:dark"));
  EXPECT_THAT(svg, HasSubstr(">across<"));
  EXPECT_THAT(svg, HasSubstr(">up<"));
  EXPECT_THAT(svg, HasSubstr(">one<"));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("href")));
}

TEST(LineChartTest, EscapesText) {
  LineChart chart = chart_of({{0, 1}, {1, 2}});
  chart.title = "a<b> & \"c\"\x01 é";
  const std::string svg = to_svg(chart);
  EXPECT_THAT(svg, HasSubstr("a&lt;b&gt; &amp; &quot;c&quot; é"));
  EXPECT_EQ(fault_of_markup(svg), "");
}

TEST(LineChartTest, MarkupCheckSeesFaults) {
  EXPECT_NE(fault_of_markup("<svg><text>a</svg>"), "");
  EXPECT_NE(fault_of_markup("<svg>"), "");
  EXPECT_NE(fault_of_markup("<svg><line x1=\"nan\"/></svg>"), "");
}

TEST(LineChartTest, CopesWithNothingAndWithOneValue) {
  for (const std::vector<LinePoint>& points : {std::vector<LinePoint>{},
                                               {{3, 3}},
                                               {{0, 0}, {0, 0}},
                                               {{1e16, 1e16}, {1e16 + 2, 1e16 + 2}},
                                               {{-1e308, 1e308}, {1e308, -1e308}},
                                               {{1e-300, 1}, {2e-300, 2}}}) {
    LineChart chart = chart_of(points);
    EXPECT_LT(to_svg(chart).size(), 20000U);
    chart.x_axis = Axis::kLog;
    chart.y_axis = Axis::kLog;
    EXPECT_LT(to_svg(chart).size(), 200000U);
  }
}

TEST(LineChartTest, ThinsLongSeriesButKeepsTheirExtremes) {
  std::vector<LinePoint> points;
  for (int i = 0; i < 100000; ++i)
    points.push_back({static_cast<double>(i), i == 54321 ? 9.0 : 1.0});
  const auto places = corners(to_svg(chart_of(points)));
  EXPECT_LE(places.size(), 1700U);
  double top = 1e9;
  for (const auto& place : places) top = std::min(top, place.second);
  EXPECT_LT(top, places.front().second - 100);
}

TEST(LineChartTest, MarksAreRoundNumbers) {
  EXPECT_THAT(axis_marks(0, 10, Axis::kLinear, 5), ElementsAre(0, 2, 4, 6, 8, 10));
  EXPECT_THAT(axis_marks(0.93, 1.31, Axis::kLinear, 4),
              ElementsAre(testing::DoubleEq(1.0), testing::DoubleEq(1.1), testing::DoubleEq(1.2),
                          testing::DoubleEq(1.3)));
  EXPECT_THAT(axis_marks(1, 100, Axis::kLog, 6), ElementsAre(1, 2, 5, 10, 20, 50, 100));
  EXPECT_THAT(axis_marks(1, 1e6, Axis::kLog, 6), ElementsAre(1, 10, 100, 1e3, 1e4, 1e5, 1e6));
  EXPECT_THAT(axis_marks(5.2, 9.8, Axis::kLog, 6), ElementsAre(6, 7, 8, 9));
  EXPECT_THAT(axis_marks(2, 2, Axis::kLinear, 5), IsEmpty());
  EXPECT_THAT(axis_marks(-1, 10, Axis::kLog, 5), IsEmpty());
}

}  // namespace
}  // namespace medgen::report
