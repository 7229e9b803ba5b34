// Documents as token ids, by number: what a TokenStream draws windows from, whether the ids come
// from a tokenizer or from a shard.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::corpus {

inline constexpr double kMaxWeight = 1000;  // an epoch holds a document that often

class TokenDocuments {
 public:
  virtual ~TokenDocuments() = default;

  virtual std::size_t size() const = 0;
  virtual double weight(std::size_t document) const = 0;  // how often it counts; [0, kMaxWeight]
  virtual TokenId eos() const = 0;                        // stands between documents

  // Appends the ids of a document, without EOS.
  virtual void append(std::size_t document, std::vector<TokenId>& ids) const = 0;

  virtual std::uint64_t bytes() const = 0;  // UTF-8 bytes of all the documents' text
};

}  // namespace medgen::corpus
