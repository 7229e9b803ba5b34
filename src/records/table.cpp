// The columns and their order are part of the format.
#include "records/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json.h"

namespace medgen::records {
namespace {

constexpr const char* kTogether = "carried";

constexpr std::array<std::string_view, 15> kOwnColumns = {
    "id",      "prompt",     "index",         "text",      "finish_reason", "num_tokens",
    "logprob", "error_code", "error_message", "generated", "notice",        "identifiers_found",
    "seed",    "provenance", kTogether};

constexpr std::string_view kRename = "carried_";

// What the column of a carried field is called: its name, unless another column has it.
std::vector<std::string> carried_columns(const TableColumns& columns) {
  if (columns.together) return {kTogether};
  std::vector<std::string> taken(kOwnColumns.begin(), kOwnColumns.end());
  taken.insert(taken.end(), columns.carried.begin(), columns.carried.end());
  std::vector<std::string> names;
  for (const std::string& field : columns.carried) {
    std::string name = field;
    if (is_table_column(field)) {
      do {
        name.insert(0, kRename);
      } while (std::find(taken.begin(), taken.end(), name) != taken.end());
      taken.push_back(name);
    }
    names.push_back(std::move(name));
  }
  return names;
}

// A text as it is, everything else as it is spelled.
std::string carried_text(const std::string& spelling) {
  if (spelling == "null") return "";
  if (!spelling.starts_with('"')) return spelling;
  const auto text = base::parse_json<Json>(spelling);
  return text.is_string() ? text.get<std::string>() : spelling;
}

std::string number_cell(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

// What stands behind the notice in every line of a record.
std::string end_of_line(const TableRecord& record, const TableColumns& columns) {
  std::string end;
  const auto add = [&](const std::string& text) {
    end += "," + base::quote_csv(columns.raw ? text : base::without_formula(text));
  };
  if (columns.identifiers) add(record.identifiers_found);
  // A failed row carries nothing, as in JSON.
  for (const std::string& text :
       carried_cells(record.error ? std::vector<Field>{} : record.carried, columns)) {
    add(text);
  }
  Json provenance = record.provenance;
  if (provenance.is_object() && columns.raw) provenance["raw_cells"] = true;
  add(provenance.is_object() ? number_cell(provenance.value("seed", Json())) : "");
  add(provenance.is_null() ? "" : provenance.dump());
  return end + "\n";
}

}  // namespace

bool is_table_column(std::string_view name) {
  return std::find(kOwnColumns.begin(), kOwnColumns.end(), name) != kOwnColumns.end();
}

std::string table_heading(const TableColumns& columns) {
  std::string heading =
      "id,prompt,index,text,finish_reason,num_tokens,logprob,error_code,error_message,generated,"
      "notice";
  if (columns.identifiers) heading += ",identifiers_found";
  for (const std::string& name : carried_columns(columns)) {
    heading += "," + base::quote_csv(columns.raw ? name : base::without_formula(name));
  }
  return heading + ",seed,provenance\n";
}

std::vector<std::string> carried_cells(const std::vector<Field>& fields,
                                       const TableColumns& columns) {
  if (columns.together) {
    std::string all;
    for (const Field& field : fields) {
      all += (all.empty() ? "{" : ",") + Json(field.name).dump() + ":" + field.json;
    }
    return {all.empty() ? "" : all + "}"};
  }
  std::vector<std::string> cells;
  for (const std::string& name : columns.carried) {
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& one) { return one.name == name; });
    cells.push_back(field == fields.end() ? "" : carried_text(field->json));
  }
  return cells;
}

std::string table_lines(const TableRecord& record, const TableColumns& columns) {
  const auto cell = [&](const std::string& text) {
    return base::quote_csv(columns.raw ? text : base::without_formula(text));
  };
  const std::string end = end_of_line(record, columns);
  if (record.error) {
    return fmt::format("{},,,,,,,{},{},,{}", cell(record.id), cell(record.error->code),
                       cell(record.error->message), end);
  }
  std::string lines;
  for (const TableText& text : record.texts) {
    lines += fmt::format("{},{},{},{},{},{},{},,,{},{}{}", cell(record.id),
                         cell(text.prompt.value_or(record.prompt)), text.index, cell(text.text),
                         cell(text.finish_reason),
                         text.num_tokens ? fmt::to_string(*text.num_tokens) : std::string(),
                         text.logprob ? Json(*text.logprob).dump() : std::string(),
                         record.generated ? "true" : "", cell(record.notice), end);
  }
  return lines;
}

}  // namespace medgen::records
