// What the module provides to libmedgen: text/sentencepiece_module.cpp loads it and calls these.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "medgen/export.h"
#include "medgen/tokenizer.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/train_tokenizer.h"

namespace medgen::text::sentencepiece_module {

// See text/sentencepiece_tokenizer.h and text/train_tokenizer.h, whose functions call these.
std::unique_ptr<Tokenizer> make_tokenizer(std::string_view model, const std::string& source,
                                          const SentencePieceExtras& extras);
std::string train(const TokenizerTrainingOptions& options, const TextSource& next_text);

struct Functions {
  decltype(&make_tokenizer) make;
  decltype(&train) train_model;
};

}  // namespace medgen::text::sentencepiece_module

extern "C" MEDGEN_API const medgen::text::sentencepiece_module::Functions*
medgen_sentencepiece_functions();
