// The files beside a vocabulary: tokenizer_config.json, special_tokens_map.json and
// added_tokens.json, with the precedence that transformers gives them.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "text/added_token_list.h"
#include "text/gpt2_vocabulary.h"

namespace medgen::text {

// "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json".
const std::vector<std::string>& settings_file_names();

struct TokenizerSettings {
  // A token that has a role, or is special without one.
  struct Named {
    std::string role;  // "bos_token"; "" for additional special tokens
    std::filesystem::path file;
    AddedTokenRule rule;
  };
  struct Stated {
    std::filesystem::path file;
    AddedTokenRule rule;  // with its id
  };

  std::filesystem::path config;  // tokenizer_config.json; empty if there is none
  std::string tokenizer_class;   // without "Fast" at its end; "" if not named
  std::optional<bool> add_prefix_space, add_bos_token, add_eos_token;
  std::optional<bool> legacy;  // of a SentencePiece model
  bool has_decoder = false;  // added_tokens_decoder, beside which the other files count for nothing
  std::vector<Stated> added;
  std::vector<Named> named;
  std::vector<std::string> without;  // roles that are null

  // Of a SentencePiece model, or none.
  bool has_sentencepiece_class() const {
    return tokenizer_class == "LlamaTokenizer" || tokenizer_class == "T5Tokenizer";
  }
  bool empty() const { return config.empty() && added.empty() && named.empty(); }
  bool is_without(const std::string& role) const;
};

// Reads those that are there. Throws Error(kModel) that names the file and the key.
TokenizerSettings read_tokenizer_settings(const std::filesystem::path& folder);

// The keys of tokenizer_config.json that change no ids, whatever their values.
std::span<const char* const> keys_without_effect();

// What of the files changes the ids of a text that is encoded by itself, as text that is the same
// for settings that mean the same: "" for none.
std::string settings_that_change_ids(const std::filesystem::path& folder);

// Adds the tokens that `settings` state to those that are there.
void add_stated_tokens(const TokenizerSettings& settings, AddedTokenList& tokens);
// The roles that they give; `otherwise` where they say nothing of a role.
TokenRoles roles_of(const TokenizerSettings& settings, const AddedTokenList& tokens,
                    const TokenRoles& otherwise);

// `has_json`: the vocabulary is a tokenizer.json's, which says for itself what it puts around
// texts.
void apply_settings(const TokenizerSettings& settings, bool has_json, Gpt2Vocabulary& vocabulary);

}  // namespace medgen::text
