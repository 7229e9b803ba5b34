// Records as a table (CSV): a line for each text, with what a spreadsheet wants to see and with all
// that a record needs to be made again. Written from any record, and read back as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"
#include "base/csv.h"
#include "records/record.h"

namespace medgen::records {

struct TableColumns {
  std::vector<std::string> carried = {};  // fields that are carried through, a column for each
  bool together = false;     // all of them in one, as JSON: their names are not known beforehand
  bool identifiers = false;  // a column for what was found in the texts
  bool raw = false;          // cells stay as they are, though a spreadsheet takes some for formulas
};

struct TableText {
  int index = 0;
  std::string text;
  std::string finish_reason = {};
  std::optional<int> num_tokens = {};
  std::optional<double> logprob = {};
  std::optional<std::string> prompt = {};  // its own, where the record has several
};

struct TableRecord {
  std::string id;
  std::string prompt;
  std::vector<TableText> texts = {};
  std::optional<RecordError> error = {};  // then there are no texts
  std::vector<Field> carried = {};
  Json provenance = {};  // with "format", and "prompt_ids" where it has some; null: unknown
  bool generated = false;
  std::string notice = {};
  std::string identifiers_found = {};
};

// Whether the table has a column of this name for itself.
bool is_table_column(std::string_view name);

std::string table_heading(const TableColumns& columns);

// Line breaks included.
std::string table_lines(const TableRecord& record, const TableColumns& columns);

// The texts in the cells of carried fields, before anything is done about formulas.
std::vector<std::string> carried_cells(const std::vector<Field>& fields,
                                       const TableColumns& columns);

// The lines of one record.
struct TableLines {
  std::uint64_t line = 0;                 // of the first, from 1
  std::string bytes;                      // as they are written, line breaks included
  Json record;                            // as a line of JSON has it; carried fields are texts
  std::vector<std::string> carried = {};  // their cells, as texts, in the order of the columns
};

class TableReader {
 public:
  // `name` is for messages. Throws Error(kUsage) for a table that is no output of medgen.
  TableReader(base::Blocks blocks, std::string name);

  const std::string& heading() const { return heading_; }  // line break included

  // False at the end. Throws Error(kRuntime) for a line that breaks the rules of CSV or holds what
  // it should not.
  bool next(TableLines& lines);

 private:
  bool read(base::CsvRecord& record);
  bool begins_record(const base::CsvRecord& record) const;
  // As a text; "" without such a column.
  std::string cell(const base::CsvRecord& record, const char* column) const;
  std::string cell(const base::CsvRecord& record, std::size_t place) const;
  std::size_t place_of(std::string_view column) const;  // npos if there is none
  void add_text(const base::CsvRecord& record, Json& json) const;
  Json begin_record(const base::CsvRecord& record);
  [[noreturn]] void refuse(const base::CsvRecord& record, const std::string& why) const;

  base::CsvReader reader_;
  std::string name_;
  std::string heading_;
  std::vector<std::string> columns_;
  std::vector<std::size_t> carried_;  // which of them hold carried fields
  base::CsvRecord ahead_;             // the first line of the next record
  bool any_ahead_ = false;
  bool raw_ = false;  // of the record that is read
};

}  // namespace medgen::records
