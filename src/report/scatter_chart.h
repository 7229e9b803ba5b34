// Points with intervals in both directions, joined or not, as an SVG element for a page: text and
// axes take the colour of the text around them. Without a script, so that it prints, and can be
// copied out of the page.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/line_chart.h"
#include "research/bootstrap.h"

namespace medgen::report {

struct ScatterPoint {
  double x = 0, y = 0;
  std::optional<research::Interval> x_interval = {}, y_interval = {};
  std::string label = {};  // beside the point
  std::string hint = {};   // shown by browsers when the pointer rests on it
};

struct ScatterSeries {
  std::string name;
  std::vector<ScatterPoint> points;  // in the order in which they are joined
  bool joined = true;
};

// A reference for the points: a cross through the chart, or a horizontal line.
struct ScatterTarget {
  std::string name;
  std::optional<double> x;
  double y = 0;
};

struct ScatterChart {
  std::string title, x_label, y_label;  // the title is for readers who do not see the chart,
  std::string description = {};         // and so is this, in sentences
  Axis x_axis = Axis::kLinear;
  Axis y_axis = Axis::kLinear;
  std::vector<ScatterSeries> series;
  std::optional<ScatterTarget> target = {};
  double y_factor = 1;  // 100 for percent
  int width = 720, height = 400;
  bool legend = true;  // below; only if there is something to distinguish
};

// The same chart gives the same bytes. Points that cannot be drawn on their axis are left out.
std::string to_svg(const ScatterChart& chart);

}  // namespace medgen::report
