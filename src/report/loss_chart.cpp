// The picture of a training run.
#include "report/loss_chart.h"

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "report/line_chart.h"

namespace medgen::report {

std::string loss_chart(const std::vector<std::string>& metrics) {
  LineSeries training{.name = "training", .points = {}};
  LineSeries held_out{.name = "held-out", .points = {}, .marks = true};
  for (const std::string& line : metrics) {
    const auto entry = base::parse_json<nlohmann::json>(line);
    if (!entry.is_object() || !entry.contains("step")) continue;
    const double step = entry["step"].get<double>();
    if (entry.contains("loss")) training.points.push_back({step, entry["loss"].get<double>()});
    if (entry.contains("valid_loss")) {
      held_out.points.push_back({step, entry["valid_loss"].get<double>()});
    }
  }
  LineChart chart;
  chart.title = "Loss";
  chart.x_label = "step";
  chart.y_label = "nats per token";
  chart.series = {std::move(training), std::move(held_out)};
  return to_svg(chart);
}

}  // namespace medgen::report
