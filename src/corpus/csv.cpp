// The grammar of RFC 4180, section 2, as a state machine.
#include "corpus/csv.h"

namespace medgen::corpus {

void CsvParser::push(std::string_view bytes) {
  for (const char c : bytes) take(c);
}

void CsvParser::finish() {
  if (state_ == State::kQuoted) {
    reject("a quote is opened and never closed");
  } else if (state_ == State::kCarriageReturn) {
    reject("a carriage return has no line feed");
  }
  if (begun_) end_record();
}

void CsvParser::take(char c) {
  if (!begun_) record_.line = line_;
  if (c == '\n') ++line_;
  begun_ = true;
  if (state_ == State::kCarriageReturn) {
    if (c == '\n') return end_record();
    return reject("a carriage return has no line feed");
  }
  switch (state_) {
    case State::kSkip:
      if (c == '\n') end_record();
      return;
    case State::kQuoted:
      if (c == '"') {
        state_ = State::kQuoteInQuoted;
      } else {
        add(c);
      }
      return;
    case State::kFieldStart:
      if (c == '"') {
        state_ = State::kQuoted;
        return;
      }
      break;
    case State::kQuoteInQuoted:
      if (c == '"') {
        state_ = State::kQuoted;
        return add(c);
      }
      if (c != ',' && c != '\n' && c != '\r') {
        return reject("text follows a closing quote");
      }
      break;
    default:
      if (c == '"') return reject("a quote appears inside a field that does not begin with one");
      break;
  }
  if (c == ',') {
    end_field();
  } else if (c == '\n') {
    end_record();
  } else if (c == '\r') {
    state_ = State::kCarriageReturn;
  } else {
    state_ = State::kPlain;
    add(c);
  }
}

void CsvParser::add(char c) {
  if (++held_ <= max_bytes_) {
    field_ += c;
    return;
  }
  record_.too_long = true;
  field_.clear();
  record_.fields.clear();
}

void CsvParser::end_field() {
  if (++held_ <= max_bytes_) record_.fields.push_back(std::move(field_));
  field_.clear();
  state_ = State::kFieldStart;
}

void CsvParser::reject(const char* why) {
  record_.error = why;
  state_ = State::kSkip;
}

void CsvParser::end_record() {
  if (record_.error.empty()) end_field();
  if (record_.too_long)
    record_.error = "it is longer than " + std::to_string(max_bytes_) + " bytes";
  Record done = std::move(record_);
  record_ = {};
  field_.clear();
  held_ = 0;
  begun_ = false;
  state_ = State::kFieldStart;
  // An empty line holds one empty field.
  if (done.error.empty() && done.fields.size() == 1 && done.fields[0].empty()) return;
  visit_(std::move(done));
}

}  // namespace medgen::corpus
