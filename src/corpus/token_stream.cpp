// Turns weighted documents into batches of training windows.
#include "corpus/token_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "medgen/error.h"

namespace medgen::corpus {
namespace {

// Streams of random numbers under one seed; see RandomKey.
enum Stream : std::uint32_t { kCopies = 1, kOrder = 2 };

TokenId require_eos(const Tokenizer& tokenizer) {
  const auto eos = tokenizer.eos_id();
  if (!eos) {
    throw Error(ErrorCode::kModel,
                "the tokenizer has no end-of-text token, which must stand between documents");
  }
  return *eos;
}

// Documents as text, tokenized each time they are asked for.
class TextDocuments : public TokenDocuments {
 public:
  TextDocuments(std::vector<Document> documents, const std::vector<SourceWeight>& weights,
                const Tokenizer& tokenizer)
      : documents_(std::move(documents)), tokenizer_(tokenizer), eos_(require_eos(tokenizer)) {
    for (const Document& document : documents_) weights_.push_back(weight_of(document, weights));
  }

  std::size_t size() const override { return documents_.size(); }
  double weight(std::size_t document) const override { return weights_[document]; }
  TokenId eos() const override { return eos_; }
  void append(std::size_t document, std::vector<TokenId>& ids) const override {
    const auto found = tokenizer_.encode(documents_[document].text);
    ids.insert(ids.end(), found.begin(), found.end());
  }
  std::uint64_t bytes() const override {
    std::uint64_t sum = 0;
    for (const Document& document : documents_) sum += document.text.size();
    return sum;
  }

 private:
  std::vector<Document> documents_;
  std::vector<double> weights_;
  const Tokenizer& tokenizer_;
  TokenId eos_;
};

}  // namespace

TokenStream::TokenStream(std::vector<Document> documents, const std::vector<SourceWeight>& weights,
                         const Tokenizer& tokenizer, const TokenStreamOptions& options)
    : TokenStream(std::make_shared<TextDocuments>(std::move(documents), weights, tokenizer),
                  options) {}

TokenStream::TokenStream(std::shared_ptr<const TokenDocuments> documents,
                         const TokenStreamOptions& options)
    : documents_(std::move(documents)), options_(options) {
  double total = 0;
  for (std::size_t i = 0; i < documents_->size(); ++i) total += documents_->weight(i);
  if (!(total >= 1)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("there is no text to train on: {} documents, total weight {:f}",
                            documents_->size(), total));
  }
  position_.next_document.assign(options_.rows, 0);
  position_.tokens_waiting.resize(options_.rows);
}

const std::vector<std::uint32_t>& TokenStream::epoch_order(std::uint64_t epoch) {
  while (epochs_.size() <= epoch) {
    const std::uint64_t number = epochs_.size();
    std::vector<std::uint32_t> copies;
    for (std::uint32_t i = 0; i < documents_->size(); ++i) {
      const base::RandomKey key{.seed = options_.seed, .request = number, .sample = kCopies};
      const double wanted = documents_->weight(i) + base::uniform(key, i);
      copies.insert(copies.end(), static_cast<std::size_t>(std::floor(wanted)), i);
    }
    const base::RandomKey key{.seed = options_.seed, .request = number, .sample = kOrder};
    std::vector<std::uint32_t> order;
    for (const std::uint32_t at :
         base::permutation(static_cast<std::uint32_t>(copies.size()), key)) {
      order.push_back(copies[at]);
    }
    epochs_.push_back(std::move(order));
  }
  return epochs_[epoch];
}

// Rows take turns: of all epochs' documents, concatenated, row r reads number r, r + rows, ...
std::uint32_t TokenStream::document_at(std::uint64_t row, std::uint64_t ordinal) {
  std::uint64_t index = row + ordinal * options_.rows;
  for (std::uint64_t epoch = 0;; ++epoch) {
    const auto& order = epoch_order(epoch);
    if (index < order.size()) return order[index];
    index -= order.size();
  }
}

void TokenStream::append_document(std::size_t row) {
  const std::uint32_t document = document_at(row, position_.next_document[row]++);
  auto& waiting = position_.tokens_waiting[row];
  waiting.push_back(documents_->eos());
  documents_->append(document, waiting);
}

std::vector<TokenId> TokenStream::next_batch() {
  const std::size_t width = options_.window + 1;
  std::vector<TokenId> batch;
  batch.reserve(width * options_.rows);
  for (std::size_t row = 0; row < static_cast<std::size_t>(options_.rows); ++row) {
    auto& waiting = position_.tokens_waiting[row];
    while (waiting.size() < width) append_document(row);
    batch.insert(batch.end(), waiting.begin(), waiting.begin() + width);
    waiting.erase(waiting.begin(), waiting.begin() + options_.window);
  }
  return batch;
}

double TokenStream::epochs_begun() const {
  std::uint64_t begun = 0;
  for (const std::uint64_t count : position_.next_document) begun += count;
  double epochs = 0;
  for (const auto& order : epochs_) {
    const std::uint64_t used = std::min<std::uint64_t>(begun, order.size());
    epochs +=
        static_cast<double>(used) / static_cast<double>(std::max<std::size_t>(order.size(), 1));
    begun -= used;
  }
  return epochs;
}

void TokenStream::restore(Position position) {
  if (position.next_document.size() != static_cast<std::size_t>(options_.rows) ||
      position.tokens_waiting.size() != static_cast<std::size_t>(options_.rows)) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the checkpoint was made with {} rows a batch, not {}",
                            position.next_document.size(), options_.rows));
  }
  position_ = std::move(position);
}

bool is_reachable(const TokenStream::Position& position, int window, std::int64_t batches) {
  const auto width = static_cast<std::uint64_t>(window);
  for (std::size_t row = 0; row < position.next_document.size(); ++row) {
    const std::uint64_t begun = position.next_document[row];
    const std::uint64_t waiting =
        row < position.tokens_waiting.size() ? position.tokens_waiting[row].size() : 0;
    const std::uint64_t given_out = begun > waiting ? begun - waiting : 0;  // at least
    const std::uint64_t needed = given_out / width + (given_out % width > 0 ? 1 : 0);
    if (needed > static_cast<std::uint64_t>(batches)) return false;
  }
  return true;
}

EvaluationText evaluation_windows(const TokenDocuments& documents, int window) {
  EvaluationText text;
  std::vector<TokenId> stream;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    stream.push_back(documents.eos());
    documents.append(i, stream);
  }
  stream.push_back(documents.eos());
  text.bytes = documents.bytes();
  for (std::size_t begin = 0; begin + 1 < stream.size(); begin += window) {
    const std::size_t end = std::min(begin + window + 1, stream.size());
    text.windows.emplace_back(stream.begin() + begin, stream.begin() + end);
    text.tokens += end - begin - 1;
  }
  return text;
}

EvaluationText evaluation_windows(const std::vector<Document>& documents,
                                  const Tokenizer& tokenizer, int window) {
  return evaluation_windows(TextDocuments(documents, {}, tokenizer), window);
}

}  // namespace medgen::corpus
