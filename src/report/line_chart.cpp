// Line charts as SVG.
#include "report/line_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/chart_parts.h"

namespace medgen::report {
namespace {

// In this style, background and text follow the reader's preference.
constexpr const char* kStyle =
    "<style>svg{background:#fff;color:#222}text{font:13px sans-serif;fill:currentColor}"
    ".title{font-weight:bold;font-size:15px}.grid{stroke:currentColor;stroke-opacity:.15}"
    ".axis{stroke:currentColor;stroke-opacity:.6}.line{fill:none;stroke-width:1.8;"
    "stroke-linejoin:round}.band{fill-opacity:.18;stroke:none}"
    "@media(prefers-color-scheme:dark){svg{background:#16181c;color:#e6e6e6}}</style>\n";

class LineDrawing {
 public:
  explicit LineDrawing(const LineChart& chart) : chart_(chart) {
    std::vector<double> xs, ys;
    for (const LineSeries& series : chart.series) {
      for (const LinePoint& point : series.points) {
        if (!shown(point)) continue;
        xs.push_back(point.x);
        ys.push_back(point.y);
        if (!series.band) continue;
        for (const double edge : {point.low, point.high}) {
          if (drawable(edge, chart.y_axis)) ys.push_back(edge);
        }
      }
    }
    x_ = make_scale(chart.x_axis, xs, kLeft, chart.width - kRight);
    y_ = make_scale(chart.y_axis, ys, chart.height - kBottom, kTop);
  }

  std::string svg() {
    out_ = fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" )"
                       R"(viewBox="0 0 {0} {1}" role="img">)"
                       "\n<title>{2}</title>\n",
                       chart_.width, chart_.height, escape_markup(chart_.title));
    out_ += kStyle;
    axes();
    for (std::size_t i = 0; i < chart_.series.size(); ++i) draw(i);
    legend();
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  static constexpr double kLeft = 72, kRight = 20, kTop = 40, kBottom = 56, kLegendLine = 18;

  bool shown(const LinePoint& point) const {
    return drawable(point.x, chart_.x_axis) && drawable(point.y, chart_.y_axis);
  }

  void line(const char* kind, double x1, double y1, double x2, double y2) {
    out_ += fmt::format(R"(<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)"
                        "\n",
                        kind, x1, y1, x2, y2);
  }

  void text(double x, double y, const char* anchor, const std::string& words,
            const std::string& more = "") {
    out_ += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}"{}>{}</text>)"
                        "\n",
                        x, y, anchor, more, escape_markup(words));
  }

  void axes() {
    for (const double mark : axis_marks(x_.low, x_.high, x_.axis, 8)) {
      line("grid", x_.at(mark), y_.begin, x_.at(mark), y_.end);
      text(x_.at(mark), y_.begin + 18, "middle", number_label(mark));
    }
    for (const double mark : axis_marks(y_.low, y_.high, y_.axis, 6)) {
      line("grid", x_.begin, y_.at(mark), x_.end, y_.at(mark));
      text(x_.begin - 8, y_.at(mark) + 4, "end", number_label(mark));
    }
    line("axis", x_.begin, y_.begin, x_.end, y_.begin);
    line("axis", x_.begin, y_.begin, x_.begin, y_.end);
    text((x_.begin + x_.end) / 2, 24, "middle", chart_.title, " class=\"title\"");
    text((x_.begin + x_.end) / 2, chart_.height - 12, "middle", chart_.x_label);
    const double middle = (y_.begin + y_.end) / 2;
    text(18, middle, "middle", chart_.y_label,
         fmt::format(" transform=\"rotate(-90 18 {:.1f})\"", middle));
  }

  std::string stroke(std::size_t index) const {
    const char* dash = series_dashes(index);
    std::string text = fmt::format(R"( stroke="{}")", series_colour(index));
    if (*dash != '\0') text += fmt::format(R"( stroke-dasharray="{}")", dash);
    return text;
  }

  void draw(std::size_t index) {
    const LineSeries& series = chart_.series[index];
    std::vector<LinePoint> run;
    const auto end_run = [&] {
      if (!run.empty()) draw_run(index, thinned(run));
      run.clear();
    };
    for (const LinePoint& point : series.points) {
      if (shown(point)) {
        run.push_back(point);
      } else {
        end_run();
      }
    }
    end_run();
  }

  // Two points per pixel are enough: of every longer stretch, the lowest and highest stay.
  std::vector<LinePoint> thinned(const std::vector<LinePoint>& run) const {
    const auto most = static_cast<std::size_t>(2 * chart_.width);
    if (run.size() <= most) return run;
    const std::size_t stretch = run.size() * 2 / most + 1;
    std::vector<LinePoint> kept;
    for (std::size_t begin = 0; begin < run.size(); begin += stretch) {
      const auto first = run.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last =
          run.begin() + static_cast<std::ptrdiff_t>(std::min(begin + stretch, run.size()));
      auto [low, high] = std::minmax_element(
          first, last, [](const LinePoint& a, const LinePoint& b) { return a.y < b.y; });
      if (high < low) std::swap(low, high);
      kept.push_back(*low);
      if (high != low) kept.push_back(*high);
    }
    return kept;
  }

  void draw_run(std::size_t index, const std::vector<LinePoint>& run) {
    const LineSeries& series = chart_.series[index];
    if (series.band) draw_band(index, run);
    std::string path;
    for (const LinePoint& point : run) {
      path += path.empty() ? 'M' : 'L';
      path += place(point.x, point.y);
    }
    out_ += fmt::format("<path class=\"line\"{} d=\"{}\"/>\n", stroke(index), path);
    if (!series.marks && run.size() > 1) return;
    for (const LinePoint& point : run) {
      out_ += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2.6" fill="{}"/>)"
                          "\n",
                          x_.at(point.x), y_.at(point.y), series_colour(index));
    }
  }

  std::string place(double x, double y) const {
    return fmt::format("{:.1f} {:.1f}", x_.at(x), y_.at(y));
  }

  void draw_band(std::size_t index, const std::vector<LinePoint>& run) {
    std::string upper, lower;
    for (const LinePoint& point : run) {
      if (!drawable(point.low, y_.axis) || !drawable(point.high, y_.axis)) continue;
      upper += upper.empty() ? 'M' : 'L';
      upper += place(point.x, point.high);
      std::string back = "L";
      back += place(point.x, point.low);
      lower.insert(0, back);
    }
    if (upper.empty()) return;
    out_ += fmt::format("<path class=\"band\" fill=\"{}\" d=\"{}{}Z\"/>\n", series_colour(index),
                        upper, lower);
  }

  void legend() {
    double y = kTop + 14;
    for (std::size_t i = 0; i < chart_.series.size(); ++i, y += kLegendLine) {
      const double right = x_.end - 8;
      out_ += fmt::format(
          R"(<line{} stroke-width="2.4" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)"
          "\n",
          stroke(i), right - 26, y - 4, right, y - 4);
      text(right - 32, y, "end", chart_.series[i].name);
    }
  }

  const LineChart& chart_;
  Scale x_, y_;
  std::string out_;
};

}  // namespace

std::vector<double> axis_marks(double low, double high, Axis axis, int count) {
  std::vector<double> marks;
  if (is_narrow(low, high) || (axis == Axis::kLog && !(low > 0))) return marks;
  if (axis == Axis::kLog) {
    const int first = static_cast<int>(std::floor(std::log10(low)));
    const int last = static_cast<int>(std::ceil(std::log10(high)));
    const int stride = std::max(1, (last - first) / std::max(1, count));
    const bool between = last - first <= 3;
    for (int power = first; power <= last; power += stride) {
      for (const double digit : {1.0, 2.0, 5.0}) {
        if (digit > 1 && !between) break;
        const double mark = digit * std::pow(10.0, power);
        if (mark >= low * (1 - 1e-9) && mark <= high * (1 + 1e-9)) marks.push_back(mark);
      }
    }
    if (marks.size() >= 3) return marks;
    marks.clear();  // within a power of ten, round numbers are
  }
  const double rough = (high - low) / count;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double digit : {5.0, 2.0, 1.0}) {
    if (digit * power >= rough) step = digit * power;
  }
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) {
    marks.push_back(i == 0 ? 0 : i * step);  // never -0
  }
  return marks;
}

std::string to_svg(const LineChart& chart) { return LineDrawing(chart).svg(); }

}  // namespace medgen::report
