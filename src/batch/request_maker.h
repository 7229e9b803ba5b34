// From a row to a request that the model can run, or the reason why not.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "batch/row.h"
#include "engine/valid_request.h"

namespace medgen::batch {

// The tag of a request says of which row it is, by its place, and of which of the row's prompts.
inline constexpr unsigned kPlaceBits = 48;
inline std::uint64_t tag_of(std::uint64_t place, std::size_t prompt) {
  return place | static_cast<std::uint64_t>(prompt) << kPlaceBits;
}
inline std::uint64_t place_of_tag(std::uint64_t tag) {
  return tag & ((std::uint64_t{1} << kPlaceBits) - 1);
}
inline std::size_t prompt_of_tag(std::uint64_t tag) { return tag >> kPlaceBits; }

struct NamedSettings {
  std::string name;
  DecodingSettings settings;
};

struct RequestMaker {
  // The tokens of a text prompt, or those of a prompt of ids; may cut one that is too long, if the
  // user wants that.
  std::function<std::vector<TokenId>(const BatchRow& row, const StoppingParams& stopping,
                                     int n_positions)>
      encode;
  // Called first for every row, whose prompt it may change or refuse; may be empty.
  std::function<void(BatchRow&)> look = {};
  DecodingSettings plain;   // what rows start from
  DecodingSettings openai;  // the same for rows of the OpenAI form
  // Unless empty: what every prompt is run with instead; rows must then have no settings. A prompt
  // that does not fit one of them fails for all, so that they are compared on the same prompts.
  std::vector<NamedSettings> variants;
  bool specials = false;  // for rows that do not say
  int n_positions = 0;
  int vocab_size = 0;  // of the model
  int max_slots = 1;   // of the backend; search with beams needs some
  const Tokenizer* tokenizer = nullptr;
  // Puts what is wrong with a row into the words of who reads its record: see medgen/error.h.
  std::function<std::string(const std::string& message)> wording;

  // The row's request, with that tag; none if it cannot be run, which row.error then explains.
  // Settles the row's `specials`, and writes prompt ids out as its prompt.
  std::optional<engine::ValidRequest> make(BatchRow& row, std::uint64_t tag = 0) const;
  // The same for every prompt of the row, in order; none if any cannot be run.
  std::vector<engine::ValidRequest> make_all(BatchRow& row, std::uint64_t place = 0) const;

  RowError in_words(const RowError& error) const;

 private:
  void settle_prompt(BatchRow& row) const;
  engine::ValidSettings settings_of(const BatchRow& row) const;
};

}  // namespace medgen::batch
