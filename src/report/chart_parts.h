// Building blocks of charts: values to pixels, numbers and text in SVG's form, colours.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/line_chart.h"

namespace medgen::report {

// Of series 0, 1, ...: colours that differ in lightness too and stand out from white and from
// near-black (Okabe and Ito 2008).
const char* series_colour(std::size_t index);
// The dashes of a series' line, for when the colours repeat; "" is a solid line.
const char* series_dashes(std::size_t index);

std::string number_label(double value);  // five digits

// For HTML and SVG, in text and in quoted attributes; drops control characters other than line
// breaks and tabs, which XML does not allow.
std::string escape_markup(const std::string& text);

// Can be drawn on this axis.
bool drawable(double value, Axis axis);

// Too close for separate marks; also true of NaN.
bool is_narrow(double low, double high);

// Values to pixels along one direction.
struct Scale {
  Axis axis = Axis::kLinear;
  double low = 0, high = 1;   // values
  double begin = 0, end = 1;  // pixels

  double at(double value) const;
};

// Covers `values`, with some room around a single one.
Scale make_scale(Axis axis, const std::vector<double>& values, double begin, double end);

}  // namespace medgen::report
