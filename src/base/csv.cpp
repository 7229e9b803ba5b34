// The grammar of RFC 4180, section 2, as a state machine that finds where a record ends; one that
// keeps the rules is then cut into its fields.
#include "base/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace medgen::base {
namespace {

// Takes a quoted field off `rest`, which begins after its opening quote.
std::string take_quoted(std::string_view& rest) {
  std::string field;
  while (true) {
    const std::size_t quote = rest.find('"');
    field += rest.substr(0, quote);
    rest.remove_prefix(quote + 1);
    if (!rest.starts_with('"')) return field;
    field += '"';
    rest.remove_prefix(1);
  }
}

// Of a record that keeps the rules.
void split(std::string_view rest, char separator, std::vector<std::string>& fields) {
  while (true) {
    if (rest.starts_with('"')) {
      rest.remove_prefix(1);
      fields.push_back(take_quoted(rest));
    } else {
      fields.emplace_back(rest.substr(0, rest.find(separator)));
      rest.remove_prefix(fields.back().size());
    }
    if (rest.empty()) return;
    rest.remove_prefix(1);
  }
}

}  // namespace

CsvReader::CsvReader(Blocks blocks, char separator, std::size_t max_bytes, LongQuote long_quote)
    : blocks_(std::move(blocks)),
      separator_(separator),
      max_bytes_(max_bytes),
      long_quote_(long_quote) {}

bool CsvReader::fill() {
  if (!done_) block_ = blocks_();
  done_ = block_.empty();
  return !done_;
}

void CsvReader::reject(const char* why, CsvRecord& record) {
  record.error = why;
  state_ = State::kSkip;
}

// Anything but the line feed that ends a record.
void CsvReader::take(char c, CsvRecord& record) {
  switch (state_) {
    case State::kSkip:
      return;
    case State::kQuoted:
      if (c == '"') state_ = State::kQuoteInQuoted;
      return;
    case State::kCarriageReturn:
      return reject("a carriage return has no line feed", record);
    case State::kQuoteInQuoted:
      if (c == '"') {
        state_ = State::kQuoted;
        return;
      }
      if (c != separator_ && c != '\r') {
        return reject("text follows a closing quote", record);
      }
      break;
    case State::kFieldStart:
      if (c == '"') {
        state_ = State::kQuoted;
        return;
      }
      break;
    case State::kPlain:
      if (c == '"') {
        return reject("a quote appears inside a field that does not begin with one", record);
      }
      break;
  }
  state_ = c == separator_ ? State::kFieldStart
           : c == '\r'     ? State::kCarriageReturn
                           : State::kPlain;
}

// Where in the block the record's line feed is, npos if not in there.
std::size_t CsvReader::find_end(CsvRecord& record) {
  for (std::size_t i = 0; i < block_.size(); ++i) {
    if (block_[i] == '\n' && state_ != State::kQuoted) return i;
    take(block_[i], record);
  }
  return std::string_view::npos;
}

bool CsvReader::next(CsvRecord& record) {
  record.line = line_;
  record.text.clear();
  record.fields.clear();
  record.error.clear();
  record.too_long = record.open_quote = false;
  state_ = State::kFieldStart;
  if (block_.empty() && !fill()) return false;
  read(record);
  record.open_quote = state_ == State::kQuoted;
  if (record.open_quote) {
    record.error = "a quote is opened and never closed";
  } else if (record.text.ends_with('\r')) {
    record.text.pop_back();
  }
  if (record.too_long) record.error = fmt::format("it is longer than {} bytes", max_bytes_);
  if (record.error.empty()) split(record.text, separator_, record.fields);
  return true;
}

void CsvReader::read(CsvRecord& record) {
  do {
    const std::size_t end = find_end(record);
    const std::string_view part = block_.substr(0, end);
    line_ += static_cast<std::uint64_t>(std::count(part.begin(), part.end(), '\n'));
    const std::size_t room = max_bytes_ - record.text.size();
    record.too_long = record.too_long || part.size() > room;
    record.text.append(part.substr(0, room));
    if (end != std::string_view::npos) {
      block_.remove_prefix(end + 1);
      ++line_;
      return;
    }
    block_ = {};
    const bool lost = record.too_long && state_ == State::kQuoted;
    done_ = done_ || (lost && long_quote_ == LongQuote::kGiveUp);
  } while (fill());
}

namespace {

bool begins_formula(std::string_view field) {
  return !field.empty() && std::string_view("=+-@\t\r").find(field[0]) != std::string_view::npos;
}

bool is_number(std::string_view field) {
  const std::string_view digits = field.substr(field[0] == '+' || field[0] == '-' ? 1 : 0);
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return !digits.empty() && digits[0] >= '0' && digits[0] <= '9' && error == std::errc() &&
         end == digits.data() + digits.size();
}

std::size_t leading_quotes(std::string_view field) {
  return std::min(field.find_first_not_of('\''), field.size());
}

}  // namespace

std::string without_formula(std::string_view field) {
  const std::size_t quotes = leading_quotes(field);
  const bool guarded = begins_formula(field.substr(quotes)) && (quotes > 0 || !is_number(field));
  return (guarded ? "'" : "") + std::string(field);
}

std::string with_formula(std::string_view cell) {
  const std::size_t quotes = leading_quotes(cell);
  return std::string(cell.substr(quotes > 0 && begins_formula(cell.substr(quotes)) ? 1 : 0));
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
