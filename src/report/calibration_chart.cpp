// See the header.
#include "report/calibration_chart.h"

#include "report/line_chart.h"

namespace medgen::report {

std::string calibration_svg(const research::Calibration& calibration, const std::string& title) {
  LineChart chart;
  chart.title = title;
  chart.x_label = "how sure the model is of its likeliest next token";
  chart.y_label = "how often that token came";
  LineSeries model{.name = "this model", .points = {}, .band = true, .marks = true};
  for (const research::CalibrationBin& bin : calibration.bins) {
    if (bin.tokens == 0) continue;
    const research::Interval of =
        bin.interval.value_or(research::Interval{bin.accuracy, bin.accuracy});
    model.points.push_back({bin.confidence, bin.accuracy, of.low, of.high});
  }
  const LineSeries exact{.name = "exact probabilities", .points = {{0, 0}, {1, 1}}};
  chart.series = {model, exact};
  return to_svg(chart);
}

}  // namespace medgen::report
