// What never_say adds to a sequence: its text is watched, goes back where it would say a forbidden
// text, and is shown only as far as it cannot go back any more. Knows of tokens, but draws none.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/sampler.h"
#include "medgen/generate.h"
#include "text/never_say.h"

namespace medgen::engine {

// Watches what follows the request's prompt.
text::NeverSay never_say_after(const Request& request, const Tokenizer& tokenizer);

class Unsaid {
 public:
  Unsaid(const Request& request, const Tokenizer& tokenizer)
      : watch_(never_say_after(request, tokenizer)) {}

  // How often a token was drawn at the place, and which ones may not be drawn there any more.
  std::uint32_t attempt(int place) const;
  std::span<const TokenId> excluded(int place) const;

  // Takes the next token: the whole characters that came with it, and whether it ends within
  // another one. Where they complete a forbidden text: the place to go back to.
  std::optional<int> take(const Draw& draw, std::string_view piece, bool within_character);

  // The text goes back to the place; `token`, which stood there, is excluded.
  void go_back(int place, TokenId token);
  // It went back too often without getting any further.
  bool exhausted() const;

  // A token that was taken, and not taken back.
  double logprob(int place) const { return at(place).logprob; }
  double processed_logprob(int place) const { return at(place).processed_logprob; }

  // Takes the text that came out of the stop strings with the last token; what may be shown now.
  std::string show(std::string_view text);
  std::string rest();  // at the end

 private:
  struct Taken {
    double logprob = 0, processed_logprob = 0;
    std::size_t text = 0;   // bytes of whole characters up to and with this token
    std::size_t reach = 0;  // the same, and one more if it ends within a character
    std::size_t ready = 0;  // bytes given to show()
  };
  struct Excluded {
    int place = 0;
    std::vector<TokenId> tokens;
  };

  const Taken& at(int place) const { return taken_[static_cast<std::size_t>(place)]; }

  text::NeverSay watch_;
  std::vector<Taken> taken_;
  std::vector<std::uint32_t> attempts_;  // at each place
  std::vector<Excluded> excluded_;       // in order of place, none behind the next token's
  int went_back_ = 0;                    // since the text was last longer than ever before
  bool too_often_ = false;
  std::size_t settled_ = 0;  // tokens that cannot be taken back
  std::string waiting_;      // text from byte shown_ on
  std::size_t shown_ = 0;
};

}  // namespace medgen::engine
