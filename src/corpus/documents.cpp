// Reading training and evaluation text. One record is held at a time, so files of any size
// work.
#include "corpus/documents.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/byte_reader.h"
#include "base/csv.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/text_blocks.h"
#include "base/value_shown.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::corpus {
namespace {

using FieldOf = std::function<const std::string*(const std::string&)>;

constexpr std::string_view kQuestionTemplate = "Question: {question}\nAnswer: {answer}";

// The part of the name before the first dot.
std::string group_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('.'));
}

std::string ending_of(const std::filesystem::path& path) {
  return base::uncompressed_name(path).extension().string();
}

// Parses a file's records; one derived reader for each format.
class Reader {
 public:
  Reader(const std::filesystem::path& path, const std::function<void(Document&&)>& visit,
         const ReadOptions& options)
      : options_(options), path_(path), visit_(visit), group_(group_of(path)) {}
  virtual ~Reader() = default;

  std::uint64_t run() {
    read(base::text_file_blocks(path_));
    return skipped_;
  }

 protected:
  virtual void read(base::Blocks blocks) = 0;

  void bad(std::uint64_t line, const std::string& why, bool too_long = false) {
    ++skipped_;
    if (options_.on_bad) return options_.on_bad({line, why, too_long});
    if (too_long) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{}:{}: {}; shorten it or take it out", path_.string(), line, why));
    }
  }

  void too_long(std::uint64_t line) {
    bad(line, fmt::format("it is longer than {} bytes", options_.max_record_bytes), true);
  }

  void take(std::uint64_t line, const FieldOf& field) {
    Document document;
    document.group = group_;
    if (!compose(field, document.text)) {
      return bad(line, "it has no text: neither " + fields_looked_for());
    }
    const auto copy = [&](const char* name, std::string& target) {
      if (const std::string* value = field(name)) target = *value;
    };
    copy("source", document.source);
    copy("id", document.id);
    copy("title", document.title);
    copy("license", document.license);
    give(std::move(document));
  }

  void take_text(std::string&& text) {
    give({.source = "", .group = group_, .text = std::move(text)});
  }

  const ReadOptions& options_;

 private:
  void give(Document&& document) {
    ++given_;
    if (options_.look) options_.look(path_, given_, document);
    visit_(std::move(document));
  }

  bool compose(const FieldOf& field, std::string& text) const {
    static const FieldTemplate question(kQuestionTemplate);
    const bool own = !options_.record_template.empty();
    if (own && options_.record_template.fill(field, text)) return true;
    if (const std::string* whole = field(options_.text_field)) {
      text = *whole;
      return true;
    }
    return !own && question.fill(field, text);
  }

  std::string fields_looked_for() const {
    return fmt::format("a field \"{}\" nor {}", options_.text_field,
                       options_.record_template.empty() ? "\"question\" and \"answer\""
                                                        : "all fields of the template");
  }

  const std::filesystem::path& path_;
  const std::function<void(Document&&)>& visit_;
  std::string group_;
  std::uint64_t skipped_ = 0, given_ = 0;
};

// Whole lines, none longer than the limit.
class LinesReader : public Reader {
 public:
  using Reader::Reader;

 protected:
  virtual void take_line(std::uint64_t number, std::string& line) = 0;

  void read(base::Blocks blocks) override {
    base::Lines lines(std::move(blocks), options_.max_record_bytes);
    for (base::Line line; lines.next(line);) {
      if (line.text.ends_with('\r')) line.text.pop_back();
      line.too_long ? too_long(line.number) : take_line(line.number, line.text);
    }
  }
};

class JsonLinesReader : public LinesReader {
 public:
  using LinesReader::LinesReader;

 protected:
  void take_line(std::uint64_t number, std::string& line) override {
    if (base::is_blank(line)) return;
    const auto record = base::parse_json<nlohmann::json>(line);
    if (!record.is_object()) {
      return bad(number, text::find_invalid_utf8(line) ? "it is not valid UTF-8"
                         : record.is_discarded() ? "it is " + base::json_fault(line, "not JSON")
                                                 : "it is JSON but not an object");
    }
    take(number, [&](const std::string& name) -> const std::string* {
      const auto entry = record.find(name);
      return entry == record.end() ? nullptr : entry->get_ptr<const std::string*>();
    });
  }
};

class PlainTextReader : public LinesReader {
 public:
  using LinesReader::LinesReader;

 protected:
  void take_line(std::uint64_t number, std::string& line) override {
    if (base::is_blank(line)) return end_document();
    if (begin_ == 0) begin_ = number;
    if (skipping_) return;
    if (!text_.empty()) text_ += '\n';
    text_ += line;
    if (text_.size() <= options_.max_record_bytes) return;
    skipping_ = true;
    text_.clear();
    text_.shrink_to_fit();
  }
  void read(base::Blocks blocks) override {
    LinesReader::read(std::move(blocks));
    end_document();
  }

 private:
  void end_document() {
    if (skipping_) {
      too_long(begin_);
    } else if (text::find_invalid_utf8(text_)) {
      bad(begin_, "it is not valid UTF-8");
    } else if (!text_.empty()) {
      take_text(std::move(text_));
    }
    text_.clear();
    skipping_ = false;
    begin_ = 0;
  }

  std::string text_;
  std::uint64_t begin_ = 0;
  bool skipping_ = false;
};

class CsvReader : public Reader {
 public:
  using Reader::Reader;

 protected:
  void read(base::Blocks blocks) override {
    base::CsvReader records(std::move(blocks), ',', options_.max_record_bytes);
    for (base::CsvRecord record; records.next(record);) {
      const bool empty_line = record.fields.size() == 1 && record.fields[0].empty();
      if (!empty_line) take_record(record);
    }
  }

 private:
  void take_record(const base::CsvRecord& record) {
    if (!record.error.empty()) return bad(record.line, record.error, record.too_long);
    for (const std::string& field : record.fields) {
      if (text::find_invalid_utf8(field)) return bad(record.line, "it is not valid UTF-8");
    }
    if (names_.empty()) {
      for (std::size_t i = 0; i < record.fields.size(); ++i) names_.emplace(record.fields[i], i);
      columns_ = record.fields.size();
      return;
    }
    if (record.fields.size() != columns_) {
      return bad(record.line, fmt::format("it has {} fields; the first record has {}",
                                          record.fields.size(), columns_));
    }
    take(record.line, [&](const std::string& name) -> const std::string* {
      const auto entry = names_.find(name);
      // In CSV, an empty field means a missing one.
      if (entry == names_.end() || record.fields[entry->second].empty()) return nullptr;
      return &record.fields[entry->second];
    });
  }

  std::map<std::string, std::size_t> names_;
  std::size_t columns_ = 0;
};

}  // namespace

FieldTemplate::FieldTemplate(std::string_view text) {
  const auto refuse = [&](const char* why) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the template, {}, {}; write fields as {{name}}, a literal brace twice",
                            base::value_shown(text), why));
  };
  Part literal;
  bool has_field = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool doubled = i + 1 < text.size() && text[i + 1] == c;
    if ((c == '{' || c == '}') && doubled) {
      literal.text += c;
      ++i;
    } else if (c == '}') {
      refuse("a brace is closed that was not opened");
    } else if (c == '{') {
      const std::size_t end = text.find('}', i);
      if (end == text.npos || end == i + 1) refuse("a brace is not closed, or has no name in it");
      if (!literal.text.empty()) parts_.push_back(std::exchange(literal, {}));
      parts_.push_back({true, std::string(text.substr(i + 1, end - i - 1))});
      has_field = true;
      i = end;
    } else {
      literal.text += c;
    }
  }
  if (!literal.text.empty()) parts_.push_back(std::move(literal));
  if (!has_field) refuse("it names no field");
}

bool FieldTemplate::fill(const FieldOf& field, std::string& out) const {
  std::string filled;
  for (const Part& part : parts_) {
    const std::string* text = part.is_field ? field(part.text) : &part.text;
    if (text == nullptr) return false;
    filled += *text;
  }
  out = std::move(filled);
  return true;
}

std::uint64_t read_documents(const std::filesystem::path& path,
                             const std::function<void(Document&&)>& visit,
                             const ReadOptions& options) {
  const std::string ending = ending_of(path);
  if (ending == ".csv") return CsvReader(path, visit, options).run();
  if (ending == ".txt") return PlainTextReader(path, visit, options).run();
  return JsonLinesReader(path, visit, options).run();
}

bool has_known_ending(const std::filesystem::path& path) {
  const std::string ending = ending_of(path);
  return ending == ".jsonl" || ending == ".csv" || ending == ".txt";
}

double weight_of(const Document& document, const std::vector<SourceWeight>& weights,
                 double otherwise) {
  for (const SourceWeight& entry : weights) {
    if (entry.name == document.source || entry.name == document.group) return entry.weight;
  }
  return otherwise;
}

}  // namespace medgen::corpus
