// The added tokens of a tokenizer as its files state them, one after the other: the last that is
// said of a token counts.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"

namespace medgen::text {

class AddedTokenList {
 public:
  // What the model itself has: the id of a token, and the token of an id.
  struct Model {
    std::function<std::optional<TokenId>(const std::string& token)> id_of;
    std::function<std::string(TokenId id)> token_of;  // "" if none has it
    TokenId size = 0;                                 // one more than the highest id
  };
  explicit AddedTokenList(Model model) : model_(std::move(model)) {}

  // Without `stated` it keeps the id it has, or gets the next that is free. Throws Error(kModel),
  // which names `file`, if the id belongs to another token, or is far beyond the others.
  void add(const std::filesystem::path& file, AddedTokenRule rule, std::optional<TokenId> stated);

  std::optional<TokenId> id_of(const std::string& token) const;  // the model's too
  const AddedTokenRule* find(const std::string& token) const;
  std::vector<AddedTokenRule> by_id() const;

 private:
  TokenId next_id() const;
  void require_free(const std::filesystem::path& file, const std::string& token, TokenId id) const;

  Model model_;
  std::vector<AddedTokenRule> rules_;
  std::unordered_map<std::string, std::size_t> places_;  // in rules_
  std::unordered_map<TokenId, std::size_t> owners_;
  TokenId highest_ = -1;
};

// An entry of added_tokens or added_tokens_decoder, or a special token that is given as an object.
// Throws Error(kModel) for a key or value that it cannot have.
AddedTokenRule read_added_token(const std::filesystem::path& file, const std::string& place,
                                const nlohmann::json& entry, bool special_by_default);

}  // namespace medgen::text
