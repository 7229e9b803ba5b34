// Comma-separated values as in RFC 4180, as a stream of records. Strict: what the grammar
// does not allow is reported, not guessed at. Knows nothing of what the fields mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::corpus {

// Bytes go in as they arrive, records come out. Lines end in CRLF, or in LF alone. In a record that
// breaks the rules, the rest of its line is skipped; a quote that is never closed takes
// everything up to the end with it.
class CsvParser {
 public:
  struct Record {
    std::uint64_t line = 0;  // where it begins, from 1
    std::vector<std::string> fields;
    std::string error;      // what is wrong with it, or empty
    bool too_long = false;  // longer than max_bytes: not held, `error` says so
  };

  CsvParser(std::size_t max_bytes, std::function<void(Record&&)> visit)
      : max_bytes_(max_bytes), visit_(std::move(visit)) {}

  void push(std::string_view bytes);
  void finish();  // the last line may lack its line break

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kQuoteInQuoted, kCarriageReturn, kSkip };

  void take(char c);
  void end_field();
  void end_record();
  void add(char c);
  void reject(const char* why);

  std::size_t max_bytes_;
  std::function<void(Record&&)> visit_;
  State state_ = State::kFieldStart;
  std::uint64_t line_ = 1;
  std::size_t held_ = 0;  // bytes of the current record
  bool begun_ = false;
  std::string field_;
  Record record_;
};

}  // namespace medgen::corpus
