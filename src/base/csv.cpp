// RFC 4180, section 2, rules 5 to 7.
#include "base/csv.h"

namespace medgen::base {
namespace {

// Takes a quoted field off `rest`, which begins after its opening quote.
bool take_quoted(std::string_view& rest, std::string& field) {
  while (true) {
    const std::size_t quote = rest.find('"');
    if (quote == std::string_view::npos) return false;
    field += rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) return true;
    field += '"';
    rest.remove_prefix(1);
  }
}

}  // namespace

bool split_csv(std::string_view record, char separator, std::vector<std::string>& fields) {
  fields.clear();
  while (true) {
    std::string& field = fields.emplace_back();
    if (record.starts_with('"')) {
      record.remove_prefix(1);
      if (!take_quoted(record, field)) return false;
      if (!record.empty() && record.front() != separator) return false;
    } else {
      const std::string_view plain = record.substr(0, record.find(separator));
      if (plain.find_first_of("\"\r") != std::string_view::npos) return false;
      field = plain;
      record.remove_prefix(plain.size());
    }
    if (record.empty()) return true;
    record.remove_prefix(1);
  }
}

std::string quote_csv(std::string_view field) {
  if (field.find_first_of("\",\r\n") == std::string_view::npos) return std::string(field);
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

}  // namespace medgen::base
