// See the header.
#include "report/ratings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/byte_reader.h"
#include "base/count_of.h"
#include "base/csv.h"
#include "base/text_blocks.h"
#include "medgen/error.h"
#include "research/agreement.h"
#include "research/metrics.h"
#include "research/shares.h"

namespace medgen::report {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kConfidence = 0.95;
constexpr int kResamples = 2000;
constexpr std::size_t kMostRecordBytes = std::size_t{4} << 20U;

struct Sheet {
  std::string file;
  std::vector<std::string> columns;
  std::vector<base::CsvRecord> rows;

  // Of a column, or nothing.
  std::optional<std::size_t> find(std::string_view name) const {
    const auto at = std::find(columns.begin(), columns.end(), name);
    if (at == columns.end()) return std::nullopt;
    return static_cast<std::size_t>(at - columns.begin());
  }
};

[[noreturn]] void refuse_cell(const Sheet& sheet, std::uint64_t line, std::string_view column,
                              const std::string& why) {
  throw Error(ErrorCode::kRuntime,
              fmt::format("{}, line {}, column {}: {}", sheet.file, line, column, why));
}

// Spreadsheets write what their country separates numbers with.
char separator_of(const fs::path& file) {
  const base::Blocks blocks = base::text_file_blocks(file, ErrorCode::kUsage);
  const std::string_view head = blocks();
  const std::size_t at = head.find_first_of(",;\t\n");
  return at == std::string_view::npos || head[at] == '\n' ? ',' : head[at];
}

Sheet read_sheet(const fs::path& file) {
  Sheet sheet{.file = file.string(), .columns = {}, .rows = {}};
  base::CsvReader reader(base::text_file_blocks(file, ErrorCode::kUsage), separator_of(file),
                         kMostRecordBytes);
  for (base::CsvRecord record; reader.next(record);) {
    if (record.too_long) record.error = "it is longer than 4 MiB";
    if (!record.error.empty()) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{}, line {}: {}", sheet.file, record.line, record.error));
    }
    if (record.text.empty()) continue;
    if (sheet.columns.empty()) {
      sheet.columns = record.fields;
      continue;
    }
    if (record.fields.size() != sheet.columns.size()) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{}, line {}: it has {} fields and the header {}", sheet.file,
                              record.line, record.fields.size(), sheet.columns.size()));
    }
    record.text.clear();
    sheet.rows.push_back(std::move(record));
  }
  return sheet;
}

bool is_key(const Sheet& sheet) { return sheet.find("item") && sheet.find("setting"); }

// Without blanks at the ends and in lower case, as people type.
std::string plain(std::string_view cell) {
  const std::size_t begin = cell.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return "";
  std::string text(cell.substr(begin, cell.find_last_not_of(" \t\r\n") + 1 - begin));
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

// item -> what the key says, in its order.
struct Key {
  std::map<std::string, std::size_t> places;
  std::vector<std::string> settings;       // of each item
  std::vector<std::string> setting_names;  // each once
};

Key read_key(const Sheet& sheet) {
  Key key;
  const std::size_t item = *sheet.find("item"), setting = *sheet.find("setting");
  for (const base::CsvRecord& row : sheet.rows) {
    if (!key.places.emplace(row.fields[item], key.settings.size()).second) {
      refuse_cell(sheet, row.line, "item", "the item is there twice");
    }
    const std::string name = base::with_formula(row.fields[setting]);
    key.settings.push_back(name);
    if (std::count(key.setting_names.begin(), key.setting_names.end(), name) == 0) {
      key.setting_names.push_back(name);
    }
  }
  return key;
}

// What every rater said of every item: [axis][item].
using Answers = std::vector<std::vector<research::RatedItem>>;

void add_pack(const Sheet& sheet, const Key& key, Answers& answers) {
  const auto item_column = sheet.find("item");
  if (!item_column) {
    throw Error(ErrorCode::kUsage, sheet.file +
                                       " is neither a rating pack nor its key: a pack has the "
                                       "columns item, prompt, text and those to rate, a key item "
                                       "and setting");
  }
  std::vector<bool> seen(key.settings.size());
  for (const base::CsvRecord& row : sheet.rows) {
    const auto place = key.places.find(row.fields[*item_column]);
    if (place == key.places.end()) {
      refuse_cell(sheet, row.line, "item", "the key has no such item: is it of another pack?");
    }
    if (seen[place->second]) refuse_cell(sheet, row.line, "item", "the item is there twice");
    seen[place->second] = true;
    for (std::size_t a = 0; a < rating_axes().size(); ++a) {
      const RatingAxis& axis = rating_axes()[a];
      const auto column = sheet.find(axis.column);
      const std::string answer = column ? plain(row.fields[*column]) : "";
      if (answer.empty()) continue;
      const auto known = std::find(axis.answers.begin(), axis.answers.end(), answer);
      if (known == axis.answers.end()) {
        refuse_cell(
            sheet, row.line, axis.column,
            fmt::format("an answer is one of: {}; or nothing", fmt::join(axis.answers, " / ")));
      }
      answers[a][place->second].push_back(static_cast<int>(known - axis.answers.begin()));
    }
  }
}

RatedSetting rated(const std::string& setting, const Key& key, const RatingAxis& axis,
                   const std::vector<research::RatedItem>& items) {
  RatedSetting result;
  result.setting = setting;
  std::vector<research::PromptSums> sums(axis.answers.size());  // by item
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (key.settings[i] != setting || items[i].empty()) continue;
    ++result.items;
    result.ratings += items[i].size();
    for (std::size_t answer = 0; answer < sums.size(); ++answer) {
      sums[answer].top.push_back(static_cast<double>(
          std::count(items[i].begin(), items[i].end(), static_cast<int>(answer))));
      sums[answer].bottom.push_back(static_cast<double>(items[i].size()));
    }
  }
  if (result.items == 0) return result;
  for (const research::PromptSums& sum : sums) {
    result.shares.push_back(sum.value());
    result.intervals.push_back(research::clustered_wilson_interval(sum, kConfidence));
  }
  return result;
}

RatedAxis rated(const Key& key, const RatingAxis& axis,
                const std::vector<research::RatedItem>& items) {
  RatedAxis result;
  result.axis = &axis;
  for (const std::string& setting : key.setting_names) {
    RatedSetting row = rated(setting, key, axis, items);
    if (row.items > 0) result.settings.push_back(std::move(row));
  }
  const auto categories = static_cast<int>(axis.answers.size());
  const auto scale = axis.is_ordered ? research::Scale::kOrdinal : research::Scale::kNominal;
  result.compared = static_cast<std::size_t>(
      std::count_if(items.begin(), items.end(), [](const auto& item) { return item.size() > 1; }));
  result.alpha = research::krippendorff_alpha(items, categories, scale);
  if (result.alpha) {
    result.alpha_interval =
        research::krippendorff_interval(items, categories, scale, kConfidence, kResamples, 0);
  }
  return result;
}

}  // namespace

Ratings read_ratings(const std::vector<fs::path>& files) {
  std::vector<Sheet> sheets;
  for (const fs::path& file : files) sheets.push_back(read_sheet(file));
  const auto keys = std::count_if(sheets.begin(), sheets.end(), is_key);
  if (keys != 1 || sheets.size() < 2) {
    throw Error(ErrorCode::kUsage,
                fmt::format("there are {} keys among {} files: give the rating packs, one for each "
                            "rater, and the one key that was made with them",
                            keys, sheets.size()));
  }
  const Key key = read_key(*std::find_if(sheets.begin(), sheets.end(), is_key));
  Answers answers(rating_axes().size(), std::vector<research::RatedItem>(key.settings.size()));
  for (const Sheet& sheet : sheets) {
    if (!is_key(sheet)) add_pack(sheet, key, answers);
  }
  Ratings ratings;
  ratings.raters = sheets.size() - 1;
  ratings.items = key.settings.size();
  for (std::size_t a = 0; a < answers.size(); ++a) {
    RatedAxis axis = rated(key, rating_axes()[a], answers[a]);
    if (!axis.settings.empty()) ratings.axes.push_back(std::move(axis));
  }
  if (ratings.axes.empty()) {
    throw Error(ErrorCode::kUsage, "nothing is rated in these packs: their columns are empty");
  }
  return ratings;
}

Json ratings_json(const Ratings& ratings) {
  Json json = {{"raters", ratings.raters}, {"items", ratings.items}, {"axes", Json::object()}};
  for (const RatedAxis& axis : ratings.axes) {
    Json out = {{"scale", axis.axis->is_ordered ? "ordinal" : "nominal"},
                {"items_compared", axis.compared},
                {"alpha", axis.alpha ? Json(*axis.alpha) : Json()}};
    if (axis.alpha_interval) out["alpha_interval"] = research::pair_json(*axis.alpha_interval);
    for (const RatedSetting& setting : axis.settings) {
      Json row = {{"items", setting.items}, {"ratings", setting.ratings}};
      for (std::size_t a = 0; a < setting.shares.size(); ++a) {
        row["answers"][std::string(axis.axis->answers[a])] = {
            {"share", setting.shares[a]}, {"interval", research::pair_json(setting.intervals[a])}};
      }
      out["settings"][setting.setting] = std::move(row);
    }
    json["axes"][std::string(axis.axis->column)] = std::move(out);
  }
  return json;
}

std::string ratings_table(const Ratings& ratings) {
  std::string out =
      fmt::format("{} of {} items\n", base::count_of(ratings.raters, "rater"), ratings.items);
  for (const RatedAxis& axis : ratings.axes) {
    out += fmt::format("\n{}: {}\n", axis.axis->column, axis.axis->question);
    if (axis.alpha && axis.alpha_interval) {
      out += fmt::format("agreement: alpha {:.2f} [{:.2f}, {:.2f}] over {} items\n", *axis.alpha,
                         axis.alpha_interval->low, axis.alpha_interval->high, axis.compared);
    } else {
      out += axis.compared == 0 ? "agreement: unknown, no item has two ratings\n"
                                : "agreement: unknown, all answers are the same\n";
    }
    for (const RatedSetting& setting : axis.settings) {
      out += fmt::format("  {} ({} ratings of {} items)\n", setting.setting, setting.ratings,
                         setting.items);
      for (std::size_t a = 0; a < setting.shares.size(); ++a) {
        out += fmt::format("    {:26} {:5.1f} % [{:.1f}, {:.1f}]\n", axis.axis->answers[a],
                           100 * setting.shares[a], 100 * setting.intervals[a].low,
                           100 * setting.intervals[a].high);
      }
    }
  }
  return out;
}

}  // namespace medgen::report
