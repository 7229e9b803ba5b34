// CSV and TSV records by RFC 4180, as a stream and strictly: what the grammar does not allow is
// reported, not guessed at. Lines end in CRLF, or in LF alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/byte_reader.h"

namespace medgen::base {

struct CsvRecord {
  std::uint64_t line = 0;           // where it begins, from 1
  std::string text;                 // as it is written, without its line break
  std::vector<std::string> fields;  // none if anything below is said
  std::string error;                // which rule it breaks, or empty
  bool too_long = false;            // then `text` is its beginning
  bool open_quote = false;          // a quote in it is not closed, so what follows is lost
};

// A record that breaks the rules ends with its line, so that it does not cost those after it. A
// quote that is never closed takes everything up to the end with it.
class CsvReader {
 public:
  // What to do with a quote that is still open where the record is too long: read on, or give the
  // record as the last one.
  enum class LongQuote { kReadOn, kGiveUp };

  // No more than `max_bytes` of a record's text are held.
  CsvReader(Blocks blocks, char separator, std::size_t max_bytes,
            LongQuote long_quote = LongQuote::kReadOn);

  // False at the end. An empty line is a record with one empty field.
  bool next(CsvRecord& record);

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kQuoteInQuoted, kCarriageReturn, kSkip };

  bool fill();
  void read(CsvRecord& record);
  std::size_t find_end(CsvRecord& record);
  void take(char c, CsvRecord& record);
  void reject(const char* why, CsvRecord& record);

  Blocks blocks_;
  char separator_;
  std::size_t max_bytes_;
  LongQuote long_quote_;
  std::string_view block_;
  std::uint64_t line_ = 1;
  State state_ = State::kFieldStart;
  bool done_ = false;
};

// The field as written to a file: in quotes if it needs them.
std::string quote_csv(std::string_view field);

// A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a carriage
// return, and is no number) with a ' in front, which makes a text of it there; others as they are.
// So that the ' can be taken off again, a text that begins with such marks before a formula gets
// one more.
std::string without_formula(std::string_view field);
// The text of which without_formula() made the cell.
std::string with_formula(std::string_view cell);

}  // namespace medgen::base
