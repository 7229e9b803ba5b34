// Finds added tokens in texts, as Hugging Face's `tokenizers` does: those that are not normalized
// in the text as it is, then the others in what lies between, once that is normalized.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/tokenizer.h"
#include "text/token_finder.h"

namespace medgen::text {

// A token that is found by its spelling, and where. Its names are those of tokenizer.json.
struct AddedTokenRule {
  std::string text;  // not empty
  TokenId id = 0;
  bool special = false;
  bool normalized = false;
  bool single_word = false;  // not where a letter, digit or underscore adjoins
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // and after it

  bool operator==(const AddedTokenRule&) const = default;
};

// Immutable; safe to share between threads.
class AddedTokens {
 public:
  using Normalize = std::function<std::string(std::string_view text)>;

  // Which of two alike counts: the first. Empty `normalize`: no text changes.
  // Throws Error(kModel), which `source` begins, for more than 4 MiB of spellings.
  AddedTokens(const std::vector<AddedTokenRule>& rules, const Normalize& normalize,
              const std::string& source);
  AddedTokens() = default;

  // The whole text in order: `on_token` for each added token, `on_text` for what lies between,
  // never empty, normalized.
  void split(std::string_view text, Specials specials, const Normalize& normalize,
             const std::function<void(TokenId)>& on_token,
             const std::function<void(std::string_view)>& on_text) const;

 private:
  struct Pass {
    TokenFinder finder;
    std::vector<AddedTokenRule> rules;  // by the finder's number
    void split(std::string_view text, const std::function<void(TokenId)>& on_token,
               const std::function<void(std::string_view)>& on_text) const;
  };
  struct Passes {
    Pass as_is;
    Pass normalized;
  };
  static Passes passes_of(const std::vector<AddedTokenRule>& rules, const Normalize& normalize,
                          const std::string& source);

  Passes all_;
  Passes ordinary_;  // without those that are special
};

// Whether a vocabulary of so many ids, added tokens left out, may be that of a model with
// `model_ids`: with a few more, yes; with many more it is another model's.
bool may_be_of_model(int own_ids, int model_ids);

// Throws Error(kUsage), naming the id, if a text was encoded to one that the model does not have.
void require_ids_of_model(std::span<const TokenId> ids, int vocab_size);

}  // namespace medgen::text
