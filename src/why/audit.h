// What an audit of recitation measures, of one document and of one canary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "medgen/tokenizer.h"

namespace medgen::why {

// How many tokens two sequences have in common from the first on.
std::size_t tokens_in_common(std::span<const TokenId> a, std::span<const TokenId> b);

// Where a planted text stands among texts of the same form that were not planted, by their
// probability under the model (Carlini and others 2019, section 4.3, estimated by sampling).
struct Exposure {
  std::uint64_t rank = 1;   // of the planted one, from 1; those as probable stand before it
  std::uint64_t among = 1;  // itself included

  // log2(among) - log2(rank): at most log2(among), and 1.44 on average for a text that is nothing
  // to the model.
  double bits() const;
  // How often a text that is nothing to the model comes to such a rank or a better one: exact,
  // since any order is as likely then.
  double p_value() const;
};

Exposure exposure_of(double logprob, std::span<const double> others);

}  // namespace medgen::why
