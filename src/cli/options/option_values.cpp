// Values of options as text.
#include "cli/options/option_values.h"

#include <sys/stat.h>

#include <charconv>
#include <map>
#include <string>

#include "base/refuse.h"
#include "base/value_shown.h"
#include "cli/options/command_line.h"

namespace medgen::cli {
namespace {

template <class T>
T parse_number(std::string_view what, std::string_view text, std::string_view kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string given = std::string(what) + " is " + base::value_shown(text);
  if (error == std::errc::result_out_of_range) {
    base::refuse(given + ", which is out of range: give " + std::string(kind));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    base::refuse(given + ": give " + std::string(kind));
  }
  return value;
}

}  // namespace

float parse_float(std::string_view what, std::string_view text) {
  return parse_number<float>(what, text, "a number, such as 0.7");
}
double parse_double(std::string_view what, std::string_view text) {
  return parse_number<double>(what, text, "a number, such as 0.7");
}
int parse_int(std::string_view what, std::string_view text) {
  return parse_number<int>(what, text, "a whole number up to 2147483647");
}
std::int64_t parse_int64(std::string_view what, std::string_view text) {
  return parse_number<std::int64_t>(what, text, "a whole number");
}
std::uint64_t parse_uint64(std::string_view what, std::string_view text) {
  return parse_number<std::uint64_t>(what, text, "a whole number from 0 to 18446744073709551615");
}

bool parse_bool(std::string_view what, std::string_view text) {
  static const std::map<std::string_view, bool> kWords = {
      {"true", true},   {"1", true},  {"yes", true}, {"on", true},
      {"false", false}, {"0", false}, {"no", false}, {"off", false}};
  const auto word = kWords.find(text);
  if (word == kWords.end()) {
    base::refuse(std::string(what) + " is " + base::value_shown(text) + ": give true or false");
  }
  return word->second;
}

void take_umask(const std::string& what, const std::vector<std::string>& values) {
  const std::string text = values.empty() ? std::string() : values.back();
  unsigned mask = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, 8);
  if (error != std::errc() || end != text.data() + text.size() || mask > 0777) {
    base::refuse(what + " is " + base::value_shown(text) +
                 ": give three octal digits, such as 022 or 077");
  }
  ::umask(mask);
}

}  // namespace medgen::cli
