// Line charts as static SVG files, readable on light and dark ground.
#pragma once

#include <string>
#include <vector>

namespace medgen::report {

struct LinePoint {
  double x = 0;
  double y = 0;
  double low = 0;  // of the interval band, where the series has one
  double high = 0;
};

struct LineSeries {
  std::string name;
  std::vector<LinePoint> points;  // in the order in which they are joined
  bool band = false;              // draw low to high
  bool marks = false;             // a dot at each point
};

enum class Axis { kLinear, kLog };

struct LineChart {
  std::string title, x_label, y_label;
  Axis x_axis = Axis::kLinear;
  Axis y_axis = Axis::kLinear;
  std::vector<LineSeries> series;
  int width = 760;  // pixels
  int height = 440;
};

// A whole SVG document; the same chart gives the same bytes. Points with a value that is not
// finite, or not above 0 on a logarithmic axis, are left out and break the line there. Long series
// are thinned to what the width can show. Text may hold any UTF-8.
std::string to_svg(const LineChart& chart);

// Positions of about `count` marks that cover [low, high]: round numbers, or powers of ten on a
// logarithmic axis (with 2 and 5 between them where the powers are few, and round numbers where
// these would be fewer than three). Ascending.
std::vector<double> axis_marks(double low, double high, Axis axis, int count);

}  // namespace medgen::report
