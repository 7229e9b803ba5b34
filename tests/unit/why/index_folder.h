// Prepared corpora and indexes of a few documents, made of ids or of texts.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/files.h"
#include "corpus/shards.h"
#include "medgen/tokenizer.h"
#include "places.h"
#include "temporary_folder.h"
#include "why/suffix_index.h"
#include "why/suffix_index_build.h"

namespace medgen::why {

struct TestDocument {
  std::vector<TokenId> ids;
  corpus::DocumentName name = {};
};

struct TestSource {
  std::string source;
  std::vector<TestDocument> documents;
};

// The fixture's tokenizer: bytes and a few merges.
inline std::filesystem::path test_tokenizer() {
  return std::filesystem::path(MEDGEN_FIXTURES) / "checkpoints" / "tokenizer";
}

class IndexFolder {
 public:
  explicit IndexFolder(int vocab_size = 0) : tokenizer_(load_tokenizer(test_tokenizer())) {
    vocab_size_ = vocab_size == 0 ? tokenizer_->vocab_size() : vocab_size;
  }

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  TokenId eos() const { return *tokenizer_->eos_id(); }
  std::filesystem::path index_path() const { return folder_ / "index"; }
  std::filesystem::path shards_path() const { return folder_ / "shards"; }

  TestDocument text(const std::string& words, corpus::DocumentName name = {}) const {
    return {tokenizer_->encode(words), std::move(name)};
  }

  corpus::Shards shards(const std::vector<TestSource>& sources) const {
    namespace fs = std::filesystem;
    fs::remove_all(shards_path());
    fs::create_directories(shards_path());
    fs::copy(test_tokenizer(), shards_path() / "tokenizer");
    const corpus::ShardTokenizer described{
        .sha256 = corpus::tokenizer_fingerprint(shards_path() / "tokenizer"),
        .kind = std::string(tokenizer_->kind()),
        .vocab_size = vocab_size_,
        .eos_id = eos()};
    const nlohmann::json none = {{"documents", 0}, {"tokens", 0}, {"bytes", 0}};
    nlohmann::json entries = nlohmann::json::array();
    for (const TestSource& source : sources) {
      corpus::ShardWriter writer(shards_path() / (std::to_string(entries.size()) + "-train.tokens"),
                                 described);
      for (const TestDocument& document : source.documents) {
        writer.add(document.ids, document.ids.size(), document.name);
      }
      const corpus::ShardFile file = writer.finish();
      entries.push_back({{"source", source.source},
                         {"group", source.source},
                         {"weight", 1},
                         {"train",
                          {{"documents", file.documents},
                           {"tokens", file.tokens},
                           {"bytes", file.bytes},
                           {"file", file.name},
                           {"sha256", file.sha256}}},
                         {"valid", none}});
    }
    const nlohmann::json report = {{"format_version", 1},
                                   {"tokenizer",
                                    {{"sha256", described.sha256},
                                     {"kind", described.kind},
                                     {"vocab_size", described.vocab_size},
                                     {"eos_id", described.eos_id}}},
                                   {"sources", entries}};
    base::write_file(shards_path() / "prepare.json", report.dump());
    return corpus::open_shards(shards_path());
  }

  SuffixIndex index(const std::vector<TestSource>& sources) const {
    build_index(shards(sources), {.output = index_path(), .replace = true});
    return SuffixIndex::open(index_path());
  }

  std::string bytes() const { return base::read_file(index_path() / kIndexFile, 1U << 28U); }
  void overwrite(const std::string& bytes) const {
    base::write_file(index_path() / kIndexFile, bytes);
  }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int vocab_size_ = 0;
};

}  // namespace medgen::why
