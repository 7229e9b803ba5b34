// Which settings a sweep compares: the product of a grid's axes, or the lines of a file, each with
// a name.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "batch/request_maker.h"
#include "engine/settings.h"

namespace medgen::research {

inline constexpr std::size_t kMaxSweepSettings = 1000;

// What one setting of a sweep sets on top of the sweep's common settings.
struct SweepCell {
  std::string name;  // "temperature=0.5 top_p=0.8"
  engine::SettingsJson given = engine::SettingsJson::object();
};

// Axes such as "temperature=0.5,0.7,1.0"; commas inside brackets, braces and quotes do not count.
// The last axis varies fastest. Throws Error(kUsage) for an unknown setting (the nearest is
// suggested), an axis without values or with one twice, a grid of more than kMaxSweepSettings.
std::vector<SweepCell> grid_cells(const std::vector<std::string>& axes);

// Lines {"name": "nucleus", "top_p": 0.95, ...}. Throws Error(kUsage) that names the line.
std::vector<SweepCell> named_cells(std::string_view jsonl, const std::string& file);

// Each cell over `base`, with texts as token ids. Throws Error(kUsage) that names the cell.
std::vector<batch::NamedSettings> sweep_settings(const std::vector<SweepCell>& cells,
                                                 const DecodingSettings& base,
                                                 const Tokenizer& tokenizer);

// What was varied: for each setting that is a number in at least two cells, its value by the cell's
// name.
std::map<std::string, std::map<std::string, double>> swept_numbers(
    const std::vector<SweepCell>& cells);

}  // namespace medgen::research
