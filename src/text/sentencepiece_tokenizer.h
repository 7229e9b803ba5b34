// SentencePiece models through the sentencepiece library, and the two things it does not promise:
// every text can be restored from its ids; every token has its own bytes.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "medgen/tokenizer.h"
#include "text/tokenizer_settings.h"

namespace medgen::text {

// What goes with a model, from the files beside it.
struct SentencePieceExtras {
  TokenizerSettings settings;
  // Added tokens from this id on have no row in the model: a text that holds one is refused.
  std::optional<TokenId> id_limit;
};

// `model` is the content of a tokenizer.model; `source` begins error messages. Throws Error(kModel)
// if the library rejects it.
//
// Ids are the library's own, except one character: it spells U+2581 and the space alike, so where
// the model has byte pieces U+2581 becomes <0xE2><0x96><0x81>. With byte pieces and no
// normalisation decode(encode(text)) == text for every valid text.
std::unique_ptr<Tokenizer> make_sentencepiece_tokenizer(std::string_view model,
                                                        const std::string& source,
                                                        const SentencePieceExtras& extras = {});

}  // namespace medgen::text
