// Tables back to the records that they were made of.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "base/json.h"
#include "base/text_blocks.h"
#include "medgen/error.h"
#include "records/table.h"
#include "text/utf8.h"

namespace medgen::records {
namespace {

constexpr std::size_t kMostLineBytes = std::size_t{256} << 20U;

// Also as pandas writes a column of whole numbers with gaps: 3.0.
std::optional<double> number_in(const std::string& cell) {
  double number = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), number);
  const bool whole = error == std::errc() && end == cell.data() + cell.size();
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

bool is_count(double number) {
  return number >= 0 && number <= 1e9 && number == std::floor(number);
}

}  // namespace

TableReader::TableReader(base::Blocks blocks, std::string name)
    : reader_(std::move(blocks), ',', kMostLineBytes), name_(std::move(name)) {
  base::CsvRecord record;
  if (read(record)) {
    columns_ = record.fields;
    heading_ = record.text + "\n";
    for (std::string& column : columns_) column = base::with_formula(column);
  }
  for (const char* column : {"id", "prompt", "index", "text", "error_code", "provenance"}) {
    if (place_of(column) != std::string::npos) continue;
    throw Error(ErrorCode::kUsage,
                fmt::format("{} has no column \"{}\": give a table that batch `format` csv or "
                            "export wrote, as it is",
                            name_, column));
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!is_table_column(columns_[i]) || columns_[i] == "carried") carried_.push_back(i);
  }
  any_ahead_ = read(ahead_);
}

std::size_t TableReader::place_of(std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  return found == columns_.end() ? std::string::npos
                                 : static_cast<std::size_t>(found - columns_.begin());
}

void TableReader::refuse(const base::CsvRecord& record, const std::string& why) const {
  throw Error(ErrorCode::kRuntime, fmt::format("{}, line {}: {}", name_, record.line, why));
}

bool TableReader::read(base::CsvRecord& record) {
  while (reader_.next(record)) {
    if (record.too_long) {
      record.error = fmt::format("it is longer than the {} bytes that are allowed", kMostLineBytes);
    }
    if (record.error.empty() && text::find_invalid_utf8(record.text)) {
      record.error = "it is not valid UTF-8";
    }
    if (!record.error.empty()) refuse(record, record.error);
    if (base::is_blank(record.text)) continue;
    if (!columns_.empty() && record.fields.size() != columns_.size()) {
      refuse(record,
             fmt::format("it has {} fields, the header {}", record.fields.size(), columns_.size()));
    }
    return true;
  }
  return false;
}

std::string TableReader::cell(const base::CsvRecord& record, const char* column) const {
  const std::size_t place = place_of(column);
  return place == std::string::npos ? "" : cell(record, place);
}

std::string TableReader::cell(const base::CsvRecord& record, std::size_t place) const {
  return raw_ ? record.fields[place] : base::with_formula(record.fields[place]);
}

// The texts of a record follow one another, the first with the index 0.
bool TableReader::begins_record(const base::CsvRecord& record) const {
  const std::optional<double> index = number_in(cell(record, "index"));
  return !index || *index == 0;
}

Json TableReader::begin_record(const base::CsvRecord& record) {
  raw_ = false;
  Json provenance;
  if (const std::string text = cell(record, "provenance"); !text.empty()) {
    provenance = base::parse_json<Json>(text);
    if (!provenance.is_object()) refuse(record, "its provenance is not a JSON object");
  }
  raw_ = provenance.is_object() && provenance.value("raw_cells", Json()) == true;
  Json json{{"id", cell(record, "id")}};
  if (provenance.is_object() && provenance.contains("format")) {
    json["format"] = provenance["format"];
  }
  if (const std::string code = cell(record, "error_code"); !code.empty()) {
    json["error"] = Json{{"code", code}, {"message", cell(record, "error_message")}};
    return json;
  }
  json["prompt"] = cell(record, "prompt");
  if (provenance.is_object()) {
    if (provenance.contains("prompt_ids")) json["prompt_ids"] = provenance["prompt_ids"];
    for (const char* added : {"format", "prompt_ids", "raw_cells"}) provenance.erase(added);
  }
  json["completions"] = Json::array();
  for (const std::size_t i : carried_) {
    if (!is_member(columns_[i])) json[columns_[i]] = cell(record, i);
  }
  if (!provenance.is_null()) json["provenance"] = std::move(provenance);
  return json;
}

void TableReader::add_text(const base::CsvRecord& record, Json& json) const {
  const auto number = [&](const char* column) -> std::optional<double> {
    const std::string text = cell(record, column);
    if (text.empty()) return std::nullopt;
    const std::optional<double> value = number_in(text);
    if (!value) refuse(record, fmt::format("its {} is not a number", column));
    return value;
  };
  const auto count = [&](const char* column) -> std::optional<unsigned> {
    const std::optional<double> value = number(column);
    if (value && !is_count(*value)) {
      refuse(record, fmt::format("its {} is not a whole number from 0 to 10^9", column));
    }
    return value ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
  };
  Json text;
  if (const auto index = count("index")) text["index"] = *index;
  text["text"] = cell(record, "text");
  if (const std::string reason = cell(record, "finish_reason"); !reason.empty()) {
    text["finish_reason"] = reason;
  }
  if (const auto tokens = count("num_tokens")) text["num_tokens"] = *tokens;
  if (const auto logprob = number("logprob")) text["logprob"] = *logprob;
  json["completions"].push_back(std::move(text));
}

bool TableReader::next(TableLines& lines) {
  if (!any_ahead_) return false;
  lines.line = ahead_.line;
  lines.bytes.clear();
  lines.record = begin_record(ahead_);
  lines.carried.clear();
  for (const std::size_t i : carried_) {
    lines.carried.push_back(cell(ahead_, i));
  }
  do {
    lines.bytes += ahead_.text + "\n";
    if (!lines.record.contains("error")) add_text(ahead_, lines.record);
    any_ahead_ = read(ahead_);
  } while (any_ahead_ && !begins_record(ahead_));
  return true;
}

}  // namespace medgen::records
