// See the header.
#include "research/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/json.h"
#include "base/refuse.h"
#include "base/text_blocks.h"
#include "base/value_shown.h"
#include "batch/row_settings.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::research {
namespace {

constexpr std::size_t kMaxNameBytes = 200;

using base::refuse;

// Refuses unknown settings, and the seed: with another, the coins would differ.
void check_setting(const std::string& name, const std::string& where) {
  if (name == "seed") {
    refuse(
        fmt::format("{}: seed cannot be varied, since all settings share random numbers: give one "
                    "`seed` for all",
                    where));
  }
  if (engine::is_setting(name)) return;
  const std::string nearest = engine::nearest_setting(name);
  if (nearest.empty()) {
    refuse(fmt::format("{}: unknown setting ({}); docs/SAMPLING.md lists them", where,
                       base::value_shown(name)));
  }
  refuse(fmt::format("{}: unknown setting \"{}\"; did you mean \"{}\"?", where,
                     text::replace_invalid_utf8(name.substr(0, 60)), nearest));
}

// At commas outside brackets, braces and quotes.
std::vector<std::string> split_values(std::string_view text) {
  std::vector<std::string> values(1);
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && i + 1 < text.size()) values.back() += text[i++];
    if (!in_string && (c == '[' || c == '{')) ++depth;
    if (!in_string && (c == ']' || c == '}')) --depth;
    if (c == ',' && depth == 0 && !in_string) {
      values.emplace_back();
    } else {
      values.back() += text[i];
    }
  }
  return values;
}

struct Axis {
  std::string name;
  std::vector<std::pair<std::string, engine::SettingsJson>> values;  // as written, and as a setting
};

Axis parse_axis(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string where = "`grid` " + text::replace_invalid_utf8(text.substr(0, 60));
  if (equals == std::string::npos || equals == 0) {
    refuse(where + ": give a setting and its values, such as temperature=0.5,0.7,1.0");
  }
  Axis axis;
  axis.name = text.substr(0, equals);
  std::replace(axis.name.begin(), axis.name.end(), '-', '_');
  check_setting(axis.name, where);
  if (text::find_invalid_utf8(text)) refuse(where + ": it is not valid UTF-8");
  for (std::string& value : split_values(std::string_view(text).substr(equals + 1))) {
    if (value.empty()) {
      refuse(where + ": a value is missing; give values with single commas between them");
    }
    engine::SettingsJson parsed = batch::setting_of_text(axis.name, value);
    for (const auto& [other, same] : axis.values) {
      if (same == parsed) {
        refuse(fmt::format("{}: the value {} is given twice; give it once", where, value));
      }
    }
    axis.values.emplace_back(std::move(value), std::move(parsed));
  }
  return axis;
}

void check_count(std::size_t cells) {
  if (cells <= kMaxSweepSettings) return;
  refuse(
      fmt::format("the grid has more than {} settings, which is the most that one sweep compares: "
                  "give fewer values, or several sweeps",
                  kMaxSweepSettings));
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

SweepCell parse_cell(const std::string& line, const std::string& where) {
  const auto json = base::parse_json<engine::SettingsJson>(line);
  if (json.is_discarded()) refuse(where + ": it is " + base::json_fault(line, "not JSON"));
  if (!json.is_object()) {
    refuse(where + R"(: it is not a JSON object, such as {"name": "nucleus", "top_p": 0.95})");
  }
  SweepCell cell;
  for (const auto& [name, value] : json.items()) {
    if (name == "name") {
      if (value.is_string()) cell.name = value.get<std::string>();
      continue;
    }
    check_setting(name, where);
    cell.given[name] = value;
  }
  if (!is_plain_name(cell.name)) {
    refuse(
        fmt::format("{}: \"name\" must be a text of 1 to {} bytes without line breaks: it says "
                    "what the setting is called in the results",
                    where, kMaxNameBytes));
  }
  return cell;
}

}  // namespace

std::vector<SweepCell> grid_cells(const std::vector<std::string>& axes) {
  std::vector<SweepCell> cells(1);
  std::set<std::string> names;
  for (const std::string& text : axes) {
    const Axis axis = parse_axis(text);
    if (!names.insert(axis.name).second) {
      refuse(fmt::format("`grid` {} is given twice: give all its values in one", axis.name));
    }
    check_count(cells.size() * axis.values.size());
    std::vector<SweepCell> next;
    for (const SweepCell& cell : cells) {
      for (const auto& [written, value] : axis.values) {
        SweepCell& added = next.emplace_back(cell);
        added.name += fmt::format("{}{}={}", cell.name.empty() ? "" : " ", axis.name, written);
        added.given[axis.name] = value;
      }
    }
    cells = std::move(next);
  }
  return cells;
}

std::vector<SweepCell> named_cells(std::string_view jsonl, const std::string& file) {
  std::vector<SweepCell> cells;
  std::set<std::string> names;
  if (text::find_invalid_utf8(jsonl)) refuse(file + " is not valid UTF-8: convert it");
  for (std::size_t line = 1; !jsonl.empty(); ++line) {
    const std::size_t end = std::min(jsonl.find('\n'), jsonl.size());
    const std::string text(jsonl.substr(0, end));
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    if (base::is_blank(text)) continue;
    const std::string where = fmt::format("{}, line {}", file, line);
    SweepCell& cell = cells.emplace_back(parse_cell(text, where));
    if (!names.insert(cell.name).second) {
      refuse(
          fmt::format("{}: the name \"{}\" is given twice: rename one of them", where, cell.name));
    }
    check_count(cells.size());
  }
  if (cells.empty()) {
    refuse(file + R"( holds no settings: give a line {"name": ..., SETTING: VALUE, ...} for each)");
  }
  return cells;
}

std::vector<batch::NamedSettings> sweep_settings(const std::vector<SweepCell>& cells,
                                                 const DecodingSettings& base,
                                                 const Tokenizer& tokenizer) {
  std::vector<batch::NamedSettings> all;
  for (const SweepCell& cell : cells) {
    try {
      DecodingSettings settings = engine::make_settings(cell.given, base);
      engine::check_token_ids(settings.sampling, settings.stopping, tokenizer.vocab_size());
      engine::resolve_texts(settings.sampling, tokenizer);
      all.push_back({cell.name, std::move(settings)});
    } catch (const Error& error) {
      refuse(fmt::format("the setting \"{}\" cannot be run: {}", cell.name, error.what()));
    }
  }
  return all;
}

std::map<std::string, std::map<std::string, double>> swept_numbers(
    const std::vector<SweepCell>& cells) {
  std::map<std::string, std::map<std::string, double>> swept;
  for (const SweepCell& cell : cells) {
    for (const auto& [name, value] : cell.given.items()) {
      if (value.is_number()) swept[name][cell.name] = value.get<double>();
    }
  }
  std::erase_if(swept, [](const auto& variable) {
    std::set<double> different;
    for (const auto& [cell, value] : variable.second) different.insert(value);
    return different.size() < 2;
  });
  return swept;
}

}  // namespace medgen::research
