// Files one after another.
#include "batch/input.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/sha256.h"
#include "medgen/error.h"

namespace medgen::batch {

bool is_standard_input(const InputOptions& options) {
  return options.names.size() == 1 && options.names[0] == "-";
}

void check(const InputOptions& options) {
  if (options.names.empty()) throw Error(ErrorCode::kUsage, "no input: name a file, or -");
  for (const std::string& name : options.names) {
    if (name == "-" && options.names.size() > 1) {
      throw Error(ErrorCode::kUsage,
                  "standard input (-) cannot be one of several inputs: give it alone");
    }
    if (name == "-" && !options.format) {
      throw Error(ErrorCode::kUsage,
                  "standard input has no name to tell its format: give `input_format` txt, csv, "
                  "tsv or jsonl");
    }
    if (!options.format) format_of_name(name);
  }
  check(options.columns.fields);
}

Input::Input(const InputOptions& options, const std::atomic<bool>& stop)
    : options_(options), stop_(stop) {
  check(options);
}

void Input::open_next() {
  const std::string& name = options_.names[next_input_++];
  const bool standard = name == "-";
  const InputFormat format = options_.format ? *options_.format : format_of_name(name);
  const std::string shown = standard ? "standard input" : name;
  splitter_.emplace(standard
                        ? base::descriptor_blocks(STDIN_FILENO, shown, ErrorCode::kRuntime, &stop_)
                        : base::file_blocks(name),
                    format, shown, options_.form);
  RowNames names = options_.columns;
  names.encoding = options_.form.encoding;
  parser_.emplace(format, names, shown, options_.warn);
}

bool Input::next_raw(RawRow& raw) {
  while (true) {
    if (splitter_ && splitter_->next(raw)) {
      if (!parser_->wants_header()) return true;
      parser_->take_header(raw);
      continue;
    }
    if (splitter_ && parser_->wants_header() && !stop_) {
      RawRow nothing;
      parser_->take_header(nothing);  // throws: there is not even a header
    }
    if (next_input_ == options_.names.size()) return false;
    open_next();
  }
}

// Results give the number of a row that has no id in its place.
bool Input::is_number_of_earlier(const std::string& id) const {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (error != std::errc() || end != id.data() + id.size() || fmt::to_string(number) != id) {
    return false;
  }
  const auto after = std::upper_bound(
      numbered_.begin(), numbered_.end(), number,
      [](std::uint64_t wanted, const auto& numbers) { return wanted < numbers.first; });
  return after != numbered_.begin() && number <= std::prev(after)->second;
}

bool Input::is_double(const BatchRow& row) {
  if (options_.trust_ids) return false;
  if (options_.duplicate_rows) {
    return std::binary_search(options_.duplicate_rows->begin(), options_.duplicate_rows->end(),
                              row.position);
  }
  if (row.id_text) {
    const bool is_new = ids_.insert(*row.id_text);
    return !is_new || is_number_of_earlier(*row.id_text);
  }
  if (row.error) return false;  // its id may be what could not be read
  const std::uint64_t number = row.position + 1;
  if (numbered_.empty() || numbered_.back().second + 1 != number) {
    numbered_.emplace_back(number, number);
  } else {
    numbered_.back().second = number;
  }
  return ids_.contains(fmt::to_string(number));
}

bool Input::is_left_out(const RawRow& raw) const {
  return options_.skip_blank && !raw.too_long && base::is_blank(raw.text);
}

bool Input::next(BatchRow& row) {
  RawRow raw;
  while (position_ < options_.limit && next_raw(raw)) {
    hash_ = base::sha256(hash_ + raw.text + (raw.too_long ? "\n" : ""));
    line_ = raw.line;
    if (is_left_out(raw)) {
      ++position_;
      continue;
    }
    row = parser_->parse(raw, position_++);
    if (is_double(row)) {
      row.error = RowError{
          kDuplicateId,
          row.id_text ? "its id was given to an earlier row, or is the number of one without an "
                        "id: ids must differ, since results and random numbers depend on them"
                      : "it has no id, and its number is the id of an earlier row: give it an id"};
    }
    if (options_.on_row) options_.on_row(row);
    if (kept_++ % options_.shard.count != options_.shard.index - 1) continue;
    ++place_;
    return true;
  }
  return false;
}

}  // namespace medgen::batch
