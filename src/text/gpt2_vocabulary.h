// Reads the files of a byte-level BPE vocabulary, as published with GPT-2 or as Hugging Face's
// `tokenizer.json`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::text {

inline constexpr char kEndOfText[] = "<|endoftext|>";

struct Gpt2Vocabulary {
  struct Merge {
    TokenId left = 0;
    TokenId right = 0;
    TokenId result = 0;
  };
  struct AddedToken {
    std::string text;
    TokenId id = 0;
    bool special = true;  // false: recognised in every text, as if it were a word of its own
  };

  std::vector<std::string> pieces;  // by id; empty where no token has the id
  std::vector<Merge> merges;        // the first is applied before all others
  std::vector<AddedToken> added;
  bool add_prefix_space = false;  // a text that does not begin with a space gets one
  bool ignore_merges = false;     // a word that is a token needs no merges
};

// Both throw Error(kModel) that names the file, the line or token, and what is wrong with it.
Gpt2Vocabulary read_vocab_and_merges(const std::filesystem::path& vocab_json,
                                     const std::filesystem::path& merges_txt);
Gpt2Vocabulary read_tokenizer_json(const std::filesystem::path& tokenizer_json);

}  // namespace medgen::text
