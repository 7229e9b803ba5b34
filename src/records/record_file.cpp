// See the header.
#include "records/record_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "base/lines.h"
#include "base/text_blocks.h"
#include "medgen/error.h"
#include "records/table.h"

namespace medgen::records {
namespace {

// A whole file may be one line.
constexpr std::uint64_t kMostValueBytes = std::uint64_t{256} << 20U;

constexpr const char* kWhatToGive = ": give what generate `json`, batch or sweep wrote";

[[noreturn]] void refuse_too_long(const std::string& where) {
  throw Error(ErrorCode::kUsage,
              fmt::format("{} is longer than the {} bytes that one JSON value may have: give a "
                          "record a line",
                          where, kMostValueBytes));
}

// What transformers' pipelines give for one prompt: [{"generated_text"}, ...].
bool is_of_one_prompt(const Json& array) {
  return !array.empty() && std::all_of(array.begin(), array.end(), [](const Json& object) {
    return object.is_object() && object.size() == 1 && object.contains("generated_text");
  });
}

class RecordFile {
 public:
  RecordFile(const std::filesystem::path& file,
             const std::function<void(const RecordReader&)>& visit, Damaged damaged)
      : file_(file), name_(file.string()), visit_(visit), damaged_(damaged) {}

  void read_lines() const {
    base::Lines lines(base::text_file_blocks(file_, ErrorCode::kUsage), kMostValueBytes);
    bool first = true;
    for (base::Line line; lines.next(line);) {
      if (base::is_blank(line.text)) continue;
      if (line.too_long) refuse_too_long(fmt::format("line {} of {}", line.number, name_));
      auto json = base::parse_json<Json>(line.text);
      if (std::exchange(first, false) && !json.is_object() && !json.is_array()) return read_whole();
      if (json.is_discarded()) refuse_damaged(line);
      give(std::move(json), line.number, line.text);
    }
  }

 private:
  // JSON over several lines.
  void read_whole() const {
    const std::string text = base::read_text_file(file_, kMostValueBytes, ErrorCode::kUsage);
    auto json = base::parse_json<Json>(text);
    if (json.is_discarded()) refuse_beyond_limits(text, name_);
    if (!json.is_object() && !json.is_array()) {
      const std::string why =
          json.is_discarded() ? " (" + base::json_syntax_fault(text) + ")" : std::string();
      throw Error(ErrorCode::kUsage, name_ + " holds no JSON records" + why + kWhatToGive);
    }
    give(std::move(json), 1, text);
  }

  // Text that is no JSON at all may be left to whoever asks for what the record holds.
  static void refuse_beyond_limits(std::string_view text, const std::string& where) {
    const std::string fault = base::json_fault(text, "");
    if (!fault.empty()) throw Error(ErrorCode::kUsage, where + " is " + fault + kWhatToGive);
  }

  void refuse_damaged(const base::Line& line) const {
    refuse_beyond_limits(line.text, fmt::format("line {} of {}", line.number, name_));
    if (damaged_ == Damaged::kGive) return;
    throw Error(ErrorCode::kRuntime, fmt::format("{}, line {}: {}", name_, line.number,
                                                 base::json_fault(line.text, "not JSON")));
  }

  void give(Json json, std::uint64_t line, std::string_view text) const {
    if (!json.is_array() || is_of_one_prompt(json)) {
      return visit_(RecordReader(std::move(json), {name_, line, 0, text}));
    }
    std::uint64_t element = 0;
    for (Json& record : json) visit_(RecordReader(std::move(record), {name_, line, ++element}));
  }

  const std::filesystem::path& file_;
  const std::string name_;
  const std::function<void(const RecordReader&)>& visit_;
  const Damaged damaged_;
};

void read_table(const std::filesystem::path& file,
                const std::function<void(const RecordReader&)>& visit) {
  TableReader table(base::text_file_blocks(file, ErrorCode::kUsage), file.string());
  for (TableLines lines; table.next(lines);) {
    visit(RecordReader(std::move(lines.record), {file.string(), lines.line}));
  }
}

bool is_table(const std::filesystem::path& file) {
  return base::uncompressed_name(file).extension() == ".csv";
}

}  // namespace

void read_records(const std::filesystem::path& file,
                  const std::function<void(const RecordReader&)>& visit, Damaged damaged) {
  if (is_table(file)) return read_table(file, visit);
  RecordFile(file, visit, damaged).read_lines();
}

void read_placed_records(const std::filesystem::path& file,
                         const std::function<void(const RecordReader&)>& visit) {
  const auto placed = [&](const RecordReader& record) {
    try {
      visit(record);
    } catch (const Error& error) {
      throw Error(error.code(),
                  fmt::format("{}, {}: {}", file.string(), record.place(), error.what()));
    }
  };
  read_records(file, placed, Damaged::kRefuse);
}

}  // namespace medgen::records
