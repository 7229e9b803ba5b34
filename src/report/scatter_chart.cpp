// Points with intervals as SVG.
#include "report/scatter_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "report/chart_parts.h"

namespace medgen::report {
namespace {

constexpr const char* kItalic = " font-style=\"italic\"";
constexpr double kLetter = 6.6;  // mean width at this size, generously

// Room between the outermost points and the frame, as a share of their distance.
constexpr double kMargin = 0.06;

std::vector<double> widened(std::vector<double> values, Axis axis) {
  if (values.empty()) return values;
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  const double low = *lowest;
  const double high = *highest;
  if (axis == Axis::kLog) {
    const double factor = std::pow(high / low, kMargin);
    values.push_back(low / factor);
    values.push_back(high * factor);
    return values;
  }
  const double room = kMargin * (high - low);
  values.push_back(low >= 0 ? std::max(0.0, low - room) : low - room);
  values.push_back(high + room);
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
    if (!chart_.description.empty()) {
      out_ += "<desc>" + escape_markup(chart_.description) + "</desc>\n";
    }
    axes();
    target();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) draw(i);
    for (const ScatterSeries& series : chart_.series) {
      for (const ScatterPoint& point : series.points) {
        if (shown(point) && !point.label.empty()) label(point);
      }
    }
    legend();
    return std::move(out_) + "</svg>\n";
  }

 private:
  static constexpr double kLeft = 64, kRight = 22, kTop = 14, kBottom = 46, kLegendLine = 20;

  struct Box {
    double left = 0, right = 0, top = 0, bottom = 0;

    bool meets(const Box& other) const {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }
  };

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
    double right = 0, top = 1e9;  // of the numbers so far: those that would touch are left out
    for (const double mark : axis_marks(x_.low, x_.high, x_.axis, x_marks)) {
      line(grid, x_.at(mark), y_.begin, x_.at(mark), y_.end);
      const Box box = box_of(x_.at(mark), y_.begin + 17, "middle", number_label(mark));
      if (box.left < right + 4) continue;
      text(x_.at(mark), y_.begin + 17, "middle", number_label(mark));
      right = box.right;
    }
    for (const double mark : axis_marks(y_.low, y_.high, y_.axis, y_marks)) {
      line(grid, x_.begin, y_.at(mark), x_.end, y_.at(mark));
      if (y_.at(mark) > top - 14) continue;
      text(x_.begin - 7, y_.at(mark) + 4, "end", number_label(mark));
      top = y_.at(mark);
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
        name_target(x_.begin + 4, at, "start");
      } else {
        name_target(x_.end - 4, at, "end");
      }
      return;
    }
    const double x = x_.at(*chart_.target->x);
    line(look, x, y_.begin, x, y_.end);
    const bool left = x > (x_.begin + x_.end) / 2;
    name_target(left ? x - 5 : x + 5, y_.end + 10, left ? "end" : "start");
  }

  void name_target(double x, double y, const char* anchor) {
    text(x, y, anchor, chart_.target->name, kItalic);
    words_.push_back(box_of(x, y, anchor, chart_.target->name));
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
  }

  // Beside its point, where it covers neither a point nor another word, and no line if that can be;
  // nowhere if there is no such place: the point still says it when pointed at.
  void label(const ScatterPoint& point) {
    const double x = x_.at(point.x), y = y_.at(y_of(point.y));
    for (const bool may_cross : {false, true}) {
      for (const auto& [dx, dy] :
           {std::pair(7.0, -7.0), std::pair(-7.0, -7.0), std::pair(7.0, 15.0),
            std::pair(-7.0, 15.0), std::pair(0.0, -10.0), std::pair(0.0, 19.0)}) {
        const char* anchor = dx > 0 ? "start" : dx < 0 ? "end" : "middle";
        const Box box = box_of(x + dx, y + dy, anchor, point.label);
        if (box.left < x_.begin || box.right > x_.end || box.top < y_.end ||
            box.bottom > y_.begin || covers_something(box) || (!may_cross && crosses_line(box))) {
          continue;
        }
        text(x + dx, y + dy, anchor, point.label, " font-size=\"11\"");
        words_.push_back(box);
        return;
      }
    }
  }

  // Whether a line between two points of a series runs through it.
  bool crosses_line(const Box& box) const {
    constexpr int kSteps = 64;
    for (const ScatterSeries& series : chart_.series) {
      const ScatterPoint* last = nullptr;
      for (const ScatterPoint& point : series.points) {
        if (!series.joined || !shown(point)) continue;
        for (int i = 0; last != nullptr && i <= kSteps; ++i) {
          const double part = static_cast<double>(i) / kSteps;
          const double x = x_.at(last->x) + part * (x_.at(point.x) - x_.at(last->x));
          const double from = y_.at(y_of(last->y));
          const double y = from + part * (y_.at(y_of(point.y)) - from);
          if (box.meets({x - 1, x + 1, y - 1, y + 1})) return true;
        }
        last = &point;
      }
    }
    return false;
  }

  static Box box_of(double x, double y, const char* anchor, const std::string& words) {
    const double width = kLetter * static_cast<double>(words.size());
    const double left = *anchor == 's' ? x : *anchor == 'e' ? x - width : x - width / 2;
    return {left, left + width, y - 10, y + 3};
  }

  bool covers_something(const Box& box) const {
    if (std::any_of(words_.begin(), words_.end(), [&](const Box& word) { return box.meets(word); }))
      return true;
    for (const ScatterSeries& series : chart_.series) {
      for (const ScatterPoint& point : series.points) {
        if (!shown(point)) continue;
        const double x = x_.at(point.x), y = y_.at(y_of(point.y));
        if (box.meets({x - 5, x + 5, y - 5, y + 5})) return true;
      }
    }
    return false;
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
  std::vector<Box> words_;  // so far, beside points
  std::string out_;
};

}  // namespace

std::string to_svg(const ScatterChart& chart) { return ScatterDrawing(chart).svg(); }

}  // namespace medgen::report
