// See the header.
#include "jobs/export_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/refuse.h"
#include "medgen/error.h"
#include "records/reader.h"
#include "records/record_file.h"
#include "records/table.h"

namespace medgen::jobs {
namespace {

using records::Json;

constexpr std::size_t kMostColumns = 1000;

// Of an answer in OpenAI's form they are in its body.
Json member_of(const Json& record, const char* name) {
  if (!record.is_object()) return {};
  const Json response = record.value("response", Json());
  const Json body = response.is_object() ? response.value("body", Json()) : Json();
  const Json& holder = body.is_object() ? body : record;
  return holder.value(name, Json());
}

std::string words_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// The message of a program may be anything; its code may be a number.
records::RecordError error_of(const Json& record) {
  Json error = record.value("error", Json());
  if (!error.is_object()) error = member_of(record, "error");
  if (!error.is_object()) return {"failed", words_of(error)};
  const Json code = error.value("code", Json());
  const std::string name = code.is_string() ? code.get<std::string>()
                           : code.is_null() ? words_of(error.value("type", Json()))
                                            : code.dump();
  return {name.empty() ? "failed" : name, words_of(error.value("message", Json()))};
}

Json provenance_of(const records::RecordReader& record) {
  Json found = member_of(record.json(), "provenance");
  if (!found.is_object()) return {};
  Json provenance{{"format", record.format()}};
  if (const auto ids = record.prompt_ids(); !ids.empty()) provenance["prompt_ids"] = ids;
  provenance.update(found);
  return provenance;
}

std::string identifiers_of(const Json& provenance) {
  if (!provenance.is_object()) return "";
  std::vector<std::string> names;
  for (const Json& name : provenance.value("identifiers_found", Json::array())) {
    names.push_back(words_of(name));
  }
  return fmt::format("{}", fmt::join(names, " "));
}

records::TableRecord table_record(const records::RecordReader& record) {
  records::TableRecord table{.id = record.id(record.number()), .prompt = {}};
  if (record.failed()) {
    table.error = error_of(record.json());
    return table;
  }
  table.prompt = record.prompt();
  for (records::RecordedText& text : record.texts()) {
    records::TableText& cells = table.texts.emplace_back();
    cells.index = text.index;
    cells.text = std::move(text.text);
    cells.finish_reason = std::move(text.finish_reason);
    if (text.num_tokens > 0 || text.logprob) cells.num_tokens = text.num_tokens;
    cells.logprob = text.logprob;
  }
  std::stable_sort(table.texts.begin(), table.texts.end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  table.carried = record.carried();
  table.provenance = provenance_of(record);
  table.generated = member_of(record.json(), "generated") == true;
  table.notice = words_of(member_of(record.json(), "notice"));
  table.identifiers_found = identifiers_of(table.provenance);
  return table;
}

records::TableColumns columns_of(const std::string& file, bool raw) {
  records::TableColumns columns;
  columns.raw = raw;
  std::set<std::string> seen;
  records::read_placed_records(file, [&](const records::RecordReader& record) {
    if (record.failed()) return;
    for (const records::Field& field : record.carried()) {
      if (!seen.insert(field.name).second) continue;
      if (columns.carried.size() == kMostColumns) {
        base::refuse(
            fmt::format("there are fields of more than {} names, and a table has a "
                        "column for each: take out those that you do not need",
                        kMostColumns));
      }
      columns.carried.push_back(field.name);
    }
    const Json provenance = member_of(record.json(), "provenance");
    if (provenance.is_object() && provenance.contains("identifiers")) columns.identifiers = true;
  });
  return columns;
}

}  // namespace

ExportedTable export_table(const std::string& file, bool raw,
                           const std::function<void(std::string_view)>& write) {
  const records::TableColumns columns = columns_of(file, raw);
  ExportedTable exported;
  records::read_placed_records(file, [&](const records::RecordReader& record) {
    const records::TableRecord table = table_record(record);
    if (exported.records++ == 0) write(records::table_heading(columns));
    exported.failed += table.error ? 1 : 0;
    write(records::table_lines(table, columns));
  });
  if (exported.records == 0) {
    throw Error(ErrorCode::kUsage, file +
                                       " holds no records: give what generate `json`, batch or "
                                       "sweep wrote, or another program's texts");
  }
  return exported;
}

}  // namespace medgen::jobs
