// What the documents of a token shard are called: NNN-train.documents beside NNN-train.tokens, so
// that who finds a passage among the ids can say where it is from.
//
// Lines of JSON. The first is of a fixed length, {"format":1,"tokens":SHA-256 of the ids}; then
// one for each document in the shard's order: {"id","title","license"}, without what it has not.
// There is no file where no document has any of them. Shards of earlier versions have none.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::corpus {

struct DocumentName {
  std::string id, title, license;  // valid UTF-8, each at most kMostNameBytes; may be empty
  bool operator==(const DocumentName&) const = default;
};

inline constexpr std::size_t kMostNameBytes = 400;

// Where the names of a shard's documents lie: "000-train.documents" for "000-train.tokens".
std::filesystem::path document_names_path(const std::filesystem::path& tokens);

// Holds at most 64 KiB, and the file open only while it writes. Longer names are cut between
// characters. Throws Error(kRuntime) for a full disk.
class DocumentNamesWriter {
 public:
  explicit DocumentNamesWriter(std::filesystem::path path) : path_(std::move(path)) {}
  void add(const DocumentName& name);
  void finish(const std::string& tokens_sha256);  // in hexadecimal, of the ids

 private:
  void begin();
  void flush();

  std::filesystem::path path_;
  std::string buffer_;
  std::uint64_t nameless_ = 0;  // documents before the first that has a name
  bool begun_ = false;
};

// Empty if there is no such file. Throws Error(kRuntime) if it belongs to other ids or another
// number of documents, or is of a newer format.
std::vector<DocumentName> read_document_names(const std::filesystem::path& path,
                                              std::string_view tokens_sha256,
                                              std::uint64_t documents);

// Of a JSON object as above. Throws nlohmann::json::exception for a member that is no text.
DocumentName parse_document_name(std::string_view json);
std::string document_name_json(const DocumentName& name);

}  // namespace medgen::corpus
