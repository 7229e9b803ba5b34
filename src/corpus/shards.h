// Token shards: a prepared corpus on disk, written by `medgen prepare` and read by training, which
// then needs no tokenizer. Knows nothing of how text was cleaned or of models.
//
// A shard folder holds
//   prepare.json       report and index: format_version, tokenizer, settings, sources, totals, ...
//   tokenizer/         the tokenizer's files as load_tokenizer() reads them, for the bundle to come
//   NNN-train.tokens   the token ids of source number NNN, one file for each source and split;
//   NNN-valid.tokens   there is none where a split of a source is empty
//   NNN-train.documents, NNN-valid.documents   see document_names.h
//
// A .tokens file is little-endian: a header of 128 bytes, then `tokens` ids of `id_width` bytes.
//   offset 0   8 bytes   "MEDGTOK1"
//          8   u32       version, 1
//         12   u32       id_width: 2 when the vocabulary has at most 65536 ids, else 4
//         16   u64       tokens, one EOS after each document included
//         24   u64       documents
//         32   u32       vocab_size: every id is below it
//         36   u32       eos_id: ends every document, the last too, and occurs nowhere else
//         40   32 bytes  the tokenizer's fingerprint, see tokenizer_fingerprint()
//         72   32 bytes  SHA-256 of all that follows the header
//        104   24 bytes  0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "corpus/document_names.h"
#include "corpus/documents.h"
#include "corpus/token_documents.h"

namespace medgen::corpus {

enum class Split { kTrain, kValid };

struct ShardTokenizer {
  std::string sha256;  // tokenizer_fingerprint()
  std::string kind;    // Tokenizer::kind()
  int vocab_size = 0;
  TokenId eos_id = 0;
};

// SHA-256, in hexadecimal, of the SHA-256s of the tokenizer's files: two tokenizers with the same
// fingerprint give the same ids. `tokenizer` is what load_tokenizer() takes.
std::string tokenizer_fingerprint(const std::filesystem::path& tokenizer);

struct ShardFile {
  std::string name;             // plain, inside the folder; "" where the split is empty
  std::uint64_t documents = 0;  // 0 where the split is empty
  std::uint64_t tokens = 0;     // an EOS for each document included
  std::uint64_t bytes = 0;      // UTF-8 bytes of the text
  std::string sha256;           // of the ids, as in the file's header
};

struct ShardSource {
  std::string source;   // the records' "source" field, or ""
  std::string group;    // name of the file they came from, without folder and endings
  double weight = 1.0;  // how often each document counts in training
  ShardFile train, valid;
  const ShardFile& split(Split which) const { return which == Split::kTrain ? train : valid; }
};

// One .tokens file being written. Holds at most 64 KiB, and the file open only while it writes.
class ShardWriter {
 public:
  ShardWriter(std::filesystem::path path, const ShardTokenizer& tokenizer);
  // `ids` are of one document, without EOS; `bytes` the length of its text. Throws Error(kModel)
  // for an id that is EOS or outside the vocabulary, Error(kRuntime) for a full disk.
  void add(std::span<const TokenId> ids, std::uint64_t bytes, const DocumentName& name = {});
  // Ends the file: header and checksum.
  ShardFile finish();

 private:
  void append(TokenId id);
  void flush();

  std::filesystem::path path_;
  ShardTokenizer tokenizer_;
  int id_width_;
  std::string buffer_;
  ShardFile file_;
  DocumentNamesWriter names_;
};

// A shard folder, checked and mapped into memory. Immutable, so safe to read from several threads.
class Shards {
 public:
  const std::filesystem::path& directory() const { return directory_; }
  const ShardTokenizer& tokenizer() const { return tokenizer_; }
  const std::vector<ShardSource>& sources() const { return sources_; }
  std::filesystem::path tokenizer_path() const { return directory_ / "tokenizer"; }
  std::uint64_t tokens(Split split) const;
  std::uint64_t bytes(Split split) const;
  // Of the documents of sources()[source], in order; empty if nothing is known of them.
  std::vector<DocumentName> names(std::size_t source, Split split) const;

  // The documents of a split, source by source in the order of sources(), for a TokenStream or
  // evaluation_windows(). A document's weight is that of the first of `weights` that names its
  // source or group, else its source's own. Keeps the mapped files alive by itself.
  std::shared_ptr<const TokenDocuments> documents(
      Split split, const std::vector<SourceWeight>& weights = {}) const;

 private:
  friend Shards open_shards(const std::filesystem::path& directory);
  Shards() = default;

  std::filesystem::path directory_;
  ShardTokenizer tokenizer_;
  std::vector<ShardSource> sources_;
  std::array<std::vector<std::shared_ptr<const base::MappedFile>>, 2>
      files_;  // by split and source
};

// Whether `path` looks like a shard folder: it has a prepare.json.
bool is_shard_folder(const std::filesystem::path& path);

// Opens and verifies: sizes, headers, checksums, and that all files belong to one tokenizer. Reads
// every file once. Throws Error(kRuntime) naming the file, what was expected and the remedy.
Shards open_shards(const std::filesystem::path& directory);

}  // namespace medgen::corpus
