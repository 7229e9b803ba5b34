// An index of training text: where does a run of tokens stand in it, and how often. A suffix array
// (Manber and Myers 1993) over the ids of a prepared corpus, as infini-gram keeps one (Liu and
// others 2024), mapped into memory.
//
// An index folder holds
//   index.json      what it was made of: format_version, tokenizer, sources, totals
//   tokenizer/      the tokenizer's files, as load_tokenizer() reads them
//   suffixes.bin    little-endian, but for the ids:
//     a page (4096 bytes) of header, see IndexHeader
//     the ids, `tokens` of `id_width` bytes, the highest byte first, so that the order of bytes
//       is that of ids; an EOS ends every document and stands nowhere else
//     the places of all suffixes in their order, `tokens` of 4 bytes
//     for each document where it begins (8 bytes, in tokens) and its name (8 bytes, in the names)
//     the names, a line of JSON for each, see corpus/document_names.h
//     XXH3 (8 bytes) of every page of what stands between the header and here
//     XXH3 (8 bytes) of the header and these sums
//   Each part begins on a page, filled up with zeros.
//
// That is 6 bytes a token and some for the documents, 8 where a vocabulary has over 65536 ids.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "corpus/document_names.h"
#include "medgen/tokenizer.h"

namespace medgen::why {

inline constexpr std::uint64_t kIndexFormat = 1;
inline constexpr std::size_t kIndexPage = 4096;
inline constexpr const char* kIndexFile = "suffixes.bin";

struct IndexHeader {
  char magic[8];           // "MEDGSUFX"
  std::uint32_t format;    // kIndexFormat
  std::uint32_t id_width;  // 2 when the vocabulary has at most 65536 ids, else 4
  std::uint64_t tokens;    // one EOS after each document included
  std::uint64_t documents;
  std::uint64_t names_bytes;
  std::uint32_t vocab_size;
  std::uint32_t eos_id;
};

// Where the parts of a file lie, in bytes from its beginning.
struct IndexLayout {
  std::uint64_t ids, places, documents, names, sums, checksum, size;
};
IndexLayout layout_of(const IndexHeader& header);
std::uint64_t index_checksum(const IndexHeader& header, std::string_view sums);

struct IndexedSource {
  std::string source, group;  // as in corpus::ShardSource
  std::uint64_t documents = 0, tokens = 0;
};

struct IndexedDocument {
  std::uint64_t number = 0;            // among all, from 0
  std::uint64_t begin = 0, end = 0;    // its tokens, EOS left out
  std::size_t source = 0;              // in sources()
  std::uint64_t number_in_source = 0;  // from 0
};

// Some of all suffixes in their order: those that begin with the same tokens.
struct SuffixRange {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t count() const { return end - begin; }
};

// Immutable, but for one thread at a time: it notes which pages it has checked. What it reads is
// checked against the pages' sums and within bounds whatever the file holds; Error(kRuntime) is
// thrown where it is damaged.
class SuffixIndex {
 public:
  // Reads the header, the sums of the pages and index.json, and none of the rest. Throws
  // Error(kRuntime) naming the file, what was expected and the remedy.
  static SuffixIndex open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path tokenizer_path() const { return folder_ / "tokenizer"; }
  const std::string& tokenizer_sha256() const { return tokenizer_sha256_; }
  const std::vector<IndexedSource>& sources() const { return sources_; }
  std::uint64_t tokens() const { return header_.tokens; }
  std::uint64_t documents() const { return header_.documents; }
  int vocab_size() const { return static_cast<int>(header_.vocab_size); }
  TokenId eos_id() const { return static_cast<TokenId>(header_.eos_id); }

  // Of a run of tokens, each below vocab_size(); all suffixes for an empty one.
  SuffixRange find(std::span<const TokenId> tokens) const;
  // How many tokens from the first on stand in the text together.
  std::size_t longest_match(std::span<const TokenId> tokens) const;

  std::uint64_t place(std::uint64_t rank) const;  // of a suffix; rank < tokens()
  TokenId token(std::uint64_t place) const;       // place < tokens()
  std::vector<TokenId> tokens_of(std::uint64_t begin, std::uint64_t end) const;
  IndexedDocument document(std::uint64_t number) const;  // number < documents()
  IndexedDocument document_at(std::uint64_t place) const;
  corpus::DocumentName name(const IndexedDocument& document) const;

  // Reads all of it: every page's sum, that every place occurs once and that each suffix comes
  // after the one before. Empty, or what is wrong. Takes a bit of memory for each token.
  std::string fault() const;

 private:
  SuffixIndex(std::filesystem::path folder, base::MappedFile file);
  void read_header();
  void read_report();
  void check_pages(std::uint64_t at, std::uint64_t bytes) const;
  std::string_view bytes_at(std::uint64_t at, std::uint64_t bytes) const;
  std::string key_of(std::span<const TokenId> tokens) const;
  struct Order {
    int sign = 0;          // of the suffix before (-1) or after (1) the key; 0: it begins with it
    std::size_t same = 0;  // bytes that agree
  };
  Order compare(std::uint64_t place, std::string_view key) const;
  std::uint64_t first_not_before(std::string_view key, bool after) const;
  std::uint64_t begin_of(std::uint64_t document) const;
  [[noreturn]] void fail(const std::string& why) const;

  std::filesystem::path folder_;
  base::MappedFile file_;
  IndexHeader header_{};
  IndexLayout layout_{};
  std::string tokenizer_sha256_;
  std::vector<IndexedSource> sources_;
  std::vector<std::uint64_t> first_documents_;  // of each source
  mutable std::vector<bool> checked_;           // by page, the first behind the header
};

}  // namespace medgen::why
