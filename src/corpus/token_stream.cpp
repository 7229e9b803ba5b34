// Turns weighted documents into batches of training windows.
#include "corpus/token_stream.h"

#include <algorithm>
#include <cmath>

#include "base/random.h"
#include "medgen/error.h"

namespace medgen {
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

}  // namespace

TokenStream::TokenStream(std::vector<Document> documents, const std::vector<SourceWeight>& weights,
                         const Tokenizer& tokenizer, const TokenStreamOptions& options)
    : documents_(std::move(documents)),
      tokenizer_(tokenizer),
      options_(options),
      eos_(require_eos(tokenizer)) {
  double total = 0;
  for (const Document& document : documents_) {
    weights_.push_back(weight_of(document, weights));
    total += weights_.back();
  }
  if (!(total >= 1)) {
    throw Error(ErrorCode::kUsage,
                "there is no text to train on: " + std::to_string(documents_.size()) +
                    " documents, total weight " + std::to_string(total));
  }
  position_.next_document.assign(options_.rows, 0);
  position_.tokens_waiting.resize(options_.rows);
}

const std::vector<std::uint32_t>& TokenStream::epoch_order(std::uint64_t epoch) {
  while (epochs_.size() <= epoch) {
    const std::uint64_t number = epochs_.size();
    std::vector<std::uint32_t> copies;
    for (std::uint32_t i = 0; i < documents_.size(); ++i) {
      const RandomKey key{.seed = options_.seed, .request = number, .sample = kCopies};
      const double wanted = weights_[i] + uniform(key, i);
      copies.insert(copies.end(), static_cast<std::size_t>(std::floor(wanted)), i);
    }
    const RandomKey key{.seed = options_.seed, .request = number, .sample = kOrder};
    std::vector<std::uint32_t> order;
    for (const std::uint32_t at : permutation(static_cast<std::uint32_t>(copies.size()), key)) {
      order.push_back(copies[at]);
    }
    epochs_.push_back(std::move(order));
  }
  return epochs_[epoch];
}

// Rows take turns: of the documents of all epochs on end, row r reads number r, r + rows, ...
std::uint32_t TokenStream::document_at(std::uint64_t row, std::uint64_t ordinal) {
  std::uint64_t index = row + ordinal * options_.rows;
  for (std::uint64_t epoch = 0;; ++epoch) {
    const auto& order = epoch_order(epoch);
    if (index < order.size()) return order[index];
    index -= order.size();
  }
}

void TokenStream::append_document(std::size_t row) {
  const Document& document = documents_[document_at(row, position_.next_document[row]++)];
  auto& waiting = position_.tokens_waiting[row];
  waiting.push_back(eos_);
  const auto ids = tokenizer_.encode(document.text);
  waiting.insert(waiting.end(), ids.begin(), ids.end());
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
    throw Error(ErrorCode::kUsage, "the checkpoint was made with " +
                                       std::to_string(position.next_document.size()) +
                                       " rows a batch, not " + std::to_string(options_.rows));
  }
  position_ = std::move(position);
}

EvaluationText evaluation_windows(const std::vector<Document>& documents,
                                  const Tokenizer& tokenizer, int window) {
  EvaluationText text;
  std::vector<TokenId> stream;
  const TokenId eos = require_eos(tokenizer);
  for (const Document& document : documents) {
    stream.push_back(eos);
    const auto ids = tokenizer.encode(document.text);
    stream.insert(stream.end(), ids.begin(), ids.end());
    text.bytes += document.text.size();
  }
  stream.push_back(eos);
  for (std::size_t begin = 0; begin + 1 < stream.size(); begin += window) {
    const std::size_t end = std::min(begin + window + 1, stream.size());
    text.windows.emplace_back(stream.begin() + begin, stream.begin() + end);
    text.tokens += end - begin - 1;
  }
  return text;
}

}  // namespace medgen
