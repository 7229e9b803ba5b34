// The parts of charts.
#include "report/chart_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace medgen::report {
namespace {

constexpr const char* kColours[] = {"#0072b2", "#d55e00", "#009e73",
                                    "#cc79a7", "#e69f00", "#56b4e9"};
constexpr std::size_t kColourCount = sizeof kColours / sizeof *kColours;
constexpr const char* kDashes[] = {"", "7 4", "2 4"};

}  // namespace

const char* series_colour(std::size_t index) { return kColours[index % kColourCount]; }
const char* series_dashes(std::size_t index) { return kDashes[index / kColourCount % 3]; }

std::string number_label(double value) { return fmt::format("{:.5g}", value); }

std::string escape_markup(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&#39;";
    } else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') {
      out += c;
    }
  }
  return out;
}

bool drawable(double value, Axis axis) {
  return std::isfinite(value) && (axis == Axis::kLinear || value > 0);
}

bool is_narrow(double low, double high) {
  return !(high - low > 1e-9 * std::max(std::fabs(low), std::fabs(high)));
}

double Scale::at(double value) const {
  const auto place = [&](double v) { return axis == Axis::kLog ? std::log10(v) : v; };
  return begin + (place(value) - place(low)) / (place(high) - place(low)) * (end - begin);
}

Scale make_scale(Axis axis, const std::vector<double>& values, double begin, double end) {
  Scale scale{axis, 0, 1, begin, end};
  if (axis == Axis::kLog) scale.low = 0.1;
  if (!values.empty()) {
    scale.low = *std::min_element(values.begin(), values.end());
    scale.high = *std::max_element(values.begin(), values.end());
  }
  if (is_narrow(scale.low, scale.high)) {  // a single value still needs some room
    const double room = axis == Axis::kLog ? 0 : std::max(std::fabs(scale.low) * 0.1, 0.5);
    scale.low = axis == Axis::kLog ? scale.low / 2 : scale.low - room;
    scale.high = axis == Axis::kLog ? scale.high * 2 : scale.high + room;
  }
  return scale;
}

}  // namespace medgen::report
