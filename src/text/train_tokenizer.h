// Trains a SentencePiece vocabulary.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace medgen::text {

struct TokenizerTrainingOptions {
  int vocab_size = 8192;         // 512 .. 65,536; the 256 byte pieces and three controls included
  std::string type = "unigram";  // "unigram" or "bpe"
  double character_coverage = 0.9999;  // rarer characters are spelled in bytes
  int threads = 1;
};

// Throws SettingError for options out of range.
void validate(const TokenizerTrainingOptions& options);

// Loads the code that trains, which else happens when it is first needed.
void load_trainer();

// Gives the next piece of text (a paragraph, at best under 4,000 bytes), or false at the end.
using TextSource = std::function<bool(std::string& text)>;

// Returns the bytes of a `tokenizer.model`: byte fallback on, no normalisation, every space kept,
// newline a piece of its own, ids 0 <unk>, 1 <s>, 2 </s>. The same text gives the same model.
// Throws SettingError for options out of range, Error(kRuntime) if the text is too little for the
// size.
std::string train_tokenizer(const TokenizerTrainingOptions& options, const TextSource& next_text);

}  // namespace medgen::text
