// A byte-level BPE vocabulary and what goes with it, as read from its files.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "medgen/tokenizer.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"

namespace medgen::text {

inline constexpr char kEndOfText[] = "<|endoftext|>";

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};
using TokenIds = std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>>;

// The tokens that the files give a part to play.
struct TokenRoles {
  std::optional<TokenId> bos, eos, pad, unk;
};

struct Gpt2Vocabulary {
  struct Merge {
    TokenId left = 0;
    TokenId right = 0;
    TokenId result = 0;
  };

  std::vector<std::string> pieces;    // by id; empty where no token has the id
  TokenIds ids;                       // of the model's own tokens
  std::vector<Merge> merges;          // the first is applied before all others
  bool ignore_merges = false;         // a word that is a token needs no merges
  std::optional<TokenId> unknown;     // for bytes without a token, which are dropped otherwise
  bool fuse_unknown = false;          // one for several beside each other
  std::vector<AddedTokenRule> added;  // by id, each id once
  std::vector<NormalizerStep> normalizer;
  std::vector<PreTokenizerStep> pre_tokenizer = gpt2_steps();
  // Whether the pre-tokenizer is one ByteLevel, whose prefix space tokenizer_config.json may
  // change.
  bool is_plain_byte_level = true;
  TokenRoles roles;
  TextFrame frame;
  // Added tokens from this id on have no row in the model: a text that holds one is refused.
  std::optional<TokenId> id_limit;
};

// Both throw Error(kModel) that names the file, the line or token, and what is wrong with it.
Gpt2Vocabulary read_vocab_and_merges(const std::filesystem::path& vocab_json,
                                     const std::filesystem::path& merges_txt);
Gpt2Vocabulary read_tokenizer_json(const std::filesystem::path& tokenizer_json);

}  // namespace medgen::text
