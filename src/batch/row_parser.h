// From the text of a row to what it asks for. Anything wrong with a row becomes its error; nothing
// throws and nothing of the row's text gets into a message.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "batch/raw_rows.h"
#include "batch/row.h"
#include "batch/row_fields.h"

namespace medgen::batch {

struct RowNames {
  std::optional<std::string> prompt;  // column or field of the prompt; "prompt" unless set
  std::optional<std::string> id;      // of the id; "id" unless set
  FieldChoice fields = {};            // those named as settings
  base::Encoding encoding = base::Encoding::kUtf8;  // that rows were decoded from, for messages
};

// Rows of one input, which for CSV begins with its header.
class RowParser {
 public:
  // `warn` is told once of each field that is nearly a setting; may be empty.
  RowParser(InputFormat format, const RowNames& names, std::string input_name,
            std::function<void(const std::string& message)> warn = {});

  // True for formats whose first row is a header, until it was taken.
  bool wants_header() const { return wants_header_; }
  // Throws Error(kUsage) for a header that is broken or lacks a column that was asked for.
  void take_header(const RawRow& row);

  BatchRow parse(const RawRow& raw, std::uint64_t position) const;

 private:
  void parse_json(const std::string& text, BatchRow& row) const;
  void parse_csv(const RawRow& raw, BatchRow& row) const;
  // `spellings` of its members, where it was JSON.
  void take_plain(const Json& object, const std::vector<std::string>& spellings,
                  BatchRow& row) const;
  void look_at_name(const std::string& name) const;
  // prompt_ids and specials, unless the user carries them.
  bool is_about_prompt(const std::string& name) const;

  InputFormat format_;
  std::string prompt_name_;
  std::string id_name_;
  bool id_was_named_;
  std::string input_name_;
  bool wants_header_;
  std::vector<std::string> columns_;
  FieldChoice fields_;
  base::Encoding encoding_;
  std::function<void(const std::string&)> warn_;
  mutable FieldWatch watch_;  // what was warned of
};

}  // namespace medgen::batch
