// Reading training and evaluation text as a stream of documents: JSON Lines, CSV and plain text,
// also compressed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::corpus {

struct Document {
  std::string source;        // the record's "source" field, or empty
  std::string group;         // the file's name without folder and endings: "train-nhs"
  std::string text;          // valid UTF-8
  std::string id = {};       // the record's "id" field, or empty
  std::string title = {};    // the record's "title" field, or empty
  std::string license = {};  // the record's "license" field, or empty
};

// A skipped record.
struct BadRecord {
  std::uint64_t line = 0;  // where it begins, from 1
  std::string why;         // never quotes the record
  bool too_long = false;
};

// Text with the names of fields in it: "Question: {question}\nAnswer: {answer}". A literal brace is
// written twice.
class FieldTemplate {
 public:
  FieldTemplate() = default;
  // Throws Error(kUsage) for a brace that is not closed and for a template without a field.
  explicit FieldTemplate(std::string_view text);

  bool empty() const { return parts_.empty(); }
  // False if `field` has no text for one of the names; `field` returns nullptr then.
  bool fill(const std::function<const std::string*(const std::string&)>& field,
            std::string& out) const;

 private:
  struct Part {
    bool is_field = false;
    std::string text;
  };
  std::vector<Part> parts_;
};

struct ReadOptions {
  std::string text_field = "text";  // the field that holds a record's text

  // Applied to a record that has all of its fields, before its text field is considered. If
  // empty, a record without a text field becomes "Question: {question}\nAnswer: {answer}".
  FieldTemplate record_template;

  // A longer record is skipped without being held in memory.
  std::uint64_t max_record_bytes = std::uint64_t{64} << 20U;

  // Called for every document, with its number in the file from 1, before anybody else sees it; it
  // may change the text, and what it throws ends the reading. May be empty.
  std::function<void(const std::filesystem::path& file, std::uint64_t number, Document&)> look = {};

  // Called for every skipped record. Without it, a record that is too long is an
  // Error(kRuntime) instead.
  std::function<void(const BadRecord&)> on_bad;
};

// Calls `visit` with every document of a file, in order, holding one record at a time. A name that
// ends in .csv is CSV (the first record names the fields), .txt is plain text (documents separated
// by blank lines), any other JSON Lines; each also with .zst or .gz after it. Returns the number of
// records skipped: not JSON, without the fields, not valid UTF-8, against the rules of CSV.
// Throws Error(kRuntime) if the file cannot be read.
std::uint64_t read_documents(const std::filesystem::path& path,
                             const std::function<void(Document&&)>& visit,
                             const ReadOptions& options = {});

// Whether the name ends in .jsonl, .csv or .txt, perhaps with .zst or .gz after it.
bool has_known_ending(const std::filesystem::path& path);

// How often each document counts, by its source or by its file's group; `otherwise` if not
// given.
struct SourceWeight {
  std::string name;
  double weight = 1.0;  // finite, >= 0
};
double weight_of(const Document& document, const std::vector<SourceWeight>& weights,
                 double otherwise = 1.0);

}  // namespace medgen::corpus
