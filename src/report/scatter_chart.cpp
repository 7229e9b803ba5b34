// Points with intervals as SVG.
#include "report/scatter_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/chart_parts.h"

namespace medgen::report {
namespace {

constexpr const char* kItalic = " font-style=\"italic\"";
constexpr double kLetter = 6.6;  // mean width at this size, generously

// Room between the outermost points and the frame, as a share of their distance.
constexpr double kMargin = 0.06;

std::vector<double> widened(std::vector<double> values, Axis axis) {
  if (values.empty()) return values;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (axis == Axis::kLog) {
    const double factor = std::pow(*high / *low, kMargin);
    values.insert(values.end(), {*low / factor, *high * factor});
    return values;
  }
  const double room = kMargin * (*high - *low);
  const double bottom = *low >= 0 ? std::max(0.0, *low - room) : *low - room;
  values.insert(values.end(), {bottom, *high + room});
  return values;
}

class ScatterDrawing {
 public:
  explicit ScatterDrawing(const ScatterChart& chart) : chart_(chart) {
    std::vector<double> xs, ys;
    const auto add = [](std::vector<double>& all, double value, Axis axis) {
      if (drawable(value, axis)) all.push_back(value);
    };
    for (const ScatterSeries& series : chart.series) {
      for (const ScatterPoint& point : series.points) {
        if (!shown(point)) continue;
        xs.push_back(point.x);
        ys.push_back(y_of(point.y));
        if (point.x_interval) {
          add(xs, point.x_interval->low, chart.x_axis);
          add(xs, point.x_interval->high, chart.x_axis);
        }
        if (point.y_interval) {
          add(ys, y_of(point.y_interval->low), chart.y_axis);
          add(ys, y_of(point.y_interval->high), chart.y_axis);
        }
      }
    }
    if (chart.target) {
      add(ys, y_of(chart.target->y), chart.y_axis);
      if (chart.target->x) add(xs, *chart.target->x, chart.x_axis);
    }
    place_legend();
    x_ = make_scale(chart.x_axis, widened(xs, chart.x_axis), kLeft, chart.width - kRight);
    y_ = make_scale(chart.y_axis, widened(ys, chart.y_axis),
                    chart.height - kBottom - legend_height_, kTop);
  }

  std::string svg() {
    out_ = fmt::format(R"(<svg role="img" viewBox="0 0 {0} {1}" width="{0}" height="{1}" )"
                       R"(font-family="sans-serif" font-size="12" fill="currentColor">)"
                       "\n<title>{2}</title>\n",
                       chart_.width, chart_.height, escape_markup(chart_.title));
    axes();
    target();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) draw(i);
    legend();
    return std::move(out_) + "</svg>\n";
  }

 private:
  static constexpr double kLeft = 64, kRight = 22, kTop = 14, kBottom = 46, kLegendLine = 20;

  double y_of(double value) const { return value * chart_.y_factor; }

  bool shown(const ScatterPoint& point) const {
    return drawable(point.x, chart_.x_axis) && drawable(y_of(point.y), chart_.y_axis);
  }

  void line(const std::string& look, double x1, double y1, double x2, double y2) {
    out_ += fmt::format(R"(<line {} x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)"
                        "\n",
                        look, x1, y1, x2, y2);
  }

  void text(double x, double y, const char* anchor, const std::string& words,
            const std::string& more = "") {
    out_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>)"
                        "\n",
                        x, y, anchor, more, escape_markup(words));
  }

  void axes() {
    const std::string grid = "stroke=\"currentColor\" stroke-opacity=\".13\"";
    const std::string axis = "stroke=\"currentColor\" stroke-opacity=\".55\"";
    const int x_marks = std::max(3, chart_.width / 65), y_marks = std::max(3, chart_.height / 45);
    for (const double mark : axis_marks(x_.low, x_.high, x_.axis, x_marks)) {
      line(grid, x_.at(mark), y_.begin, x_.at(mark), y_.end);
      text(x_.at(mark), y_.begin + 17, "middle", number_label(mark));
    }
    for (const double mark : axis_marks(y_.low, y_.high, y_.axis, y_marks)) {
      line(grid, x_.begin, y_.at(mark), x_.end, y_.at(mark));
      text(x_.begin - 7, y_.at(mark) + 4, "end", number_label(mark));
    }
    line(axis, x_.begin, y_.begin, x_.end, y_.begin);
    line(axis, x_.begin, y_.begin, x_.begin, y_.end);
    text((x_.begin + x_.end) / 2, y_.begin + 36, "middle", chart_.x_label);
    const double middle = (y_.begin + y_.end) / 2;
    text(14, middle, "middle", chart_.y_label,
         fmt::format(" transform=\"rotate(-90 14 {:.1f})\"", middle));
  }

  void target() {
    if (!chart_.target || !drawable(y_of(chart_.target->y), chart_.y_axis)) return;
    const std::string look =
        "stroke=\"currentColor\" stroke-opacity=\".7\" stroke-dasharray=\"5 4\"";
    const double y = y_.at(y_of(chart_.target->y));
    line(look, x_.begin, y, x_.end, y);
    const bool cross = chart_.target->x && drawable(*chart_.target->x, chart_.x_axis);
    if (!cross) {
      const double at = y - 6 < y_.end + 8 ? y + 15 : y - 6;
      if (room_at(x_.begin, at) > room_at(x_.end, at)) {
        text(x_.begin + 4, at, "start", chart_.target->name, kItalic);
      } else {
        text(x_.end - 4, at, "end", chart_.target->name, kItalic);
      }
      return;
    }
    const double x = x_.at(*chart_.target->x);
    line(look, x, y_.begin, x, y_.end);
    const bool left = x > (x_.begin + x_.end) / 2;
    text(left ? x - 5 : x + 5, y_.end + 10, left ? "end" : "start", chart_.target->name, kItalic);
  }

  // Distance from `y` to the next point above or below that a word at `x` could cover.
  double room_at(double x, double y) const {
    double room = chart_.height;
    for (const ScatterSeries& series : chart_.series) {
      for (const ScatterPoint& point : series.points) {
        if (!shown(point) || std::fabs(x_.at(point.x) - x) > 60) continue;
        room = std::min(room, std::fabs(y_.at(y_of(point.y)) - y));
      }
    }
    return room;
  }

  // A shape of its own too, for readers who cannot tell the colours apart.
  std::string mark(std::size_t index, double x, double y, double size) const {
    const auto shape = [&](const std::string& points) {
      return "<polygon points=\"" + points + "\"";
    };
    const auto at = [&](double dx, double dy) {
      return fmt::format("{:.1f},{:.1f} ", x + dx * size, y + dy * size);
    };
    std::string out;
    switch (index % 4) {
      case 0:
        out = fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}")", x, y, size);
        break;
      case 1:
        out = shape(at(-.9, -.9) + at(.9, -.9) + at(.9, .9) + at(-.9, .9));
        break;
      case 2:
        out = shape(at(0, -1.2) + at(1.1, .9) + at(-1.1, .9));
        break;
      default:
        out = shape(at(0, -1.3) + at(1.3, 0) + at(0, 1.3) + at(-1.3, 0));
    }
    return fmt::format("{} fill=\"{}\"", out, series_colour(index));
  }

  std::string stroke(std::size_t index) const {
    std::string look = fmt::format(R"(stroke="{}")", series_colour(index));
    const std::string dashes = series_dashes(index);
    if (!dashes.empty()) look += fmt::format(R"( stroke-dasharray="{}")", dashes);
    return look;
  }

  void draw(std::size_t index) {
    const ScatterSeries& series = chart_.series[index];
    std::string path;
    for (const ScatterPoint& point : series.points) {
      if (!shown(point)) continue;
      path += path.empty() ? 'M' : 'L';
      path += fmt::format("{:.1f} {:.1f}", x_.at(point.x), y_.at(y_of(point.y)));
    }
    if (series.joined && !path.empty()) {
      out_ += fmt::format(R"(<path class="series" fill="none" stroke-width="1.8" {} d="{}"/>)"
                          "\n",
                          stroke(index), path);
    }
    for (const ScatterPoint& point : series.points) {
      if (shown(point)) draw_point(index, point);
    }
  }

  void draw_point(std::size_t index, const ScatterPoint& point) {
    const double x = x_.at(point.x), y = y_.at(y_of(point.y));
    const std::string look =
        fmt::format(R"(stroke="{}" stroke-opacity=".65" stroke-width="1.4" class="interval")",
                    series_colour(index));
    if (point.x_interval && drawable(point.x_interval->low, x_.axis)) {
      line(look, x_.at(point.x_interval->low), y, x_.at(point.x_interval->high), y);
    }
    if (point.y_interval && drawable(y_of(point.y_interval->low), y_.axis)) {
      line(look, x, y_.at(y_of(point.y_interval->low)), x, y_.at(y_of(point.y_interval->high)));
    }
    out_ += mark(index, x, y, 4) + " class=\"point\">";
    if (!point.hint.empty()) out_ += "<title>" + escape_markup(point.hint) + "</title>";
    out_ += index % 4 == 0 ? "</circle>\n" : "</polygon>\n";
    if (point.label.empty()) return;
    const bool left = x > x_.end - kLetter * static_cast<double>(point.label.size());
    text(left ? x - 7 : x + 7, y - 7, left ? "end" : "start", point.label, " font-size=\"11\"");
  }

  // Columns as wide as the longest name needs.
  void place_legend() {
    if (!chart_.legend || (chart_.series.size() < 2 && !chart_.target)) return;
    std::size_t longest = 0;
    for (const ScatterSeries& series : chart_.series) {
      longest = std::max(longest, series.name.size());
    }
    column_width_ = 34 + kLetter * static_cast<double>(longest);
    columns_ = std::max(1, static_cast<int>((chart_.width - kLeft - kRight) / column_width_));
    const auto count = static_cast<int>(chart_.series.size());
    const int lines = (count + columns_ - 1) / columns_;
    legend_height_ = lines * kLegendLine + 6;
  }

  void legend() {
    if (legend_height_ == 0) return;
    for (std::size_t i = 0; i < chart_.series.size(); ++i) {
      const int column = static_cast<int>(i) % columns_, row = static_cast<int>(i) / columns_;
      const double x = kLeft + column * column_width_;
      const double y = chart_.height - legend_height_ + 14 + row * kLegendLine;
      if (chart_.series[i].joined) {
        line(stroke(i) + " stroke-width=\"1.8\"", x, y - 4, x + 22, y - 4);
      }
      out_ += mark(i, x + 11, y - 4, 4) + "/>\n";
      text(x + 28, y, "start", chart_.series[i].name);
    }
  }

  const ScatterChart& chart_;
  Scale x_, y_;
  double legend_height_ = 0, column_width_ = 1;
  int columns_ = 1;
  std::string out_;
};

}  // namespace

std::string to_svg(const ScatterChart& chart) { return ScatterDrawing(chart).svg(); }

}  // namespace medgen::report
