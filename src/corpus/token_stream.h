// Turns weighted documents into batches of training windows. The order depends on the seed alone,
// so a resumed run sees what an uninterrupted one would have seen.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "corpus/documents.h"
#include "corpus/token_documents.h"
#include "medgen/tokenizer.h"

namespace medgen::corpus {

struct TokenStreamOptions {
  int rows = 16;     // independent streams of documents, one per row of a batch
  int window = 256;  // tokens a row predicts in one batch
  std::uint64_t seed = 1;
};

// Every row reads documents one after another, an EOS before each, cut into windows. In an epoch a
// document of weight w occurs floor(w) times, and once more with probability w - floor(w).
class TokenStream {
 public:
  // Where the rows are; enough to resume from.
  struct Position {
    std::vector<std::uint64_t> next_document;          // per row: how many documents it has begun
    std::vector<std::vector<TokenId>> tokens_waiting;  // per row: tokens read but not yet given out
  };

  // Throws Error(kUsage) if the weights of all documents add up to less than 1.
  TokenStream(std::shared_ptr<const TokenDocuments> documents, const TokenStreamOptions& options);
  // Text that is tokenized when its turn comes; `tokenizer` must outlive the stream.
  TokenStream(std::vector<Document> documents, const std::vector<SourceWeight>& weights,
              const Tokenizer& tokenizer, const TokenStreamOptions& options);

  // The next batch, [rows, window + 1]: a window's inputs are its first `window` tokens, its
  // targets the last; neighbouring windows of a row share one token.
  std::vector<TokenId> next_batch();

  double epochs_begun() const;
  const Position& position() const { return position_; }
  void restore(Position position);

 private:
  const std::vector<std::uint32_t>& epoch_order(std::uint64_t epoch);
  std::uint32_t document_at(std::uint64_t row, std::uint64_t ordinal);
  void append_document(std::size_t row);

  std::shared_ptr<const TokenDocuments> documents_;
  TokenStreamOptions options_;
  Position position_;
  std::vector<std::vector<std::uint32_t>> epochs_;  // document order of each epoch begun
};

// Whether a stream can be there once it has given out `batches` batches of `window` tokens a row: a
// document has one token at least. For positions that come from a file.
bool is_reachable(const TokenStream::Position& position, int window, std::int64_t batches);

// All of `documents` as windows for evaluation, in order, EOS before each document; the last is
// shorter.
struct EvaluationText {
  std::vector<std::vector<TokenId>>
      windows;               // each at most window + 1 tokens, sharing one with the next
  std::uint64_t bytes = 0;   // UTF-8 bytes of the documents
  std::uint64_t tokens = 0;  // tokens predicted
};
EvaluationText evaluation_windows(const TokenDocuments& documents, int window);
EvaluationText evaluation_windows(const std::vector<Document>& documents,
                                  const Tokenizer& tokenizer, int window);

}  // namespace medgen::corpus
