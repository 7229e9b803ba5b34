// The fields of one CSV or TSV record, by RFC 4180, strictly.
// Knows nothing of where records come from or what fields mean.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::base {

// False if `record` breaks the rules: a quote inside a field that does not begin with one, text
// after a closing quote, a quote that is not closed, a carriage return outside of quotes.
bool split_csv(std::string_view record, char separator, std::vector<std::string>& fields);

// The field as written to a file: in quotes if it needs them.
std::string quote_csv(std::string_view field);

}  // namespace medgen::base
