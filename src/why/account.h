// The whole answer to "why these words": an attribution, how far to trust it, and in which words it
// is shown.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "why/attribution.h"
#include "why/trust.h"

namespace medgen::why {

// Of a method that looks into the model: for all ids of prompt and made text, of which the made
// ones begin at `first_made`.
using TokenMethod =
    std::function<TokenInfluence(const std::vector<TokenId>& ids, std::size_t first_made)>;

struct Method {
  enum class Kind { kOcclusion, kShapley, kTokens };
  Kind kind = Kind::kOcclusion;
  std::string name = "occlusion";
  TokenMethod tokens = {};  // of kTokens, which knows no contrast
  std::string unit = "nats";
  std::string note = {};  // what whoever reads its numbers must know, a sentence
};

struct AccountOptions {
  Method method = {};
  std::optional<Method> other = {};  // to be compared with it
  bool include_made = false;         // earlier made words are sources too; not for kShapley
  int permutations = 100;            // of ShapleyOptions
  int draws = 20;                    // of TrustOptions
  std::uint64_t seed = 0;            // of both
  std::function<void()> before_step = {};
};

struct Account {
  Question question;
  std::string part = "word";  // what a span of the prompt is called
  AccountOptions options;
  std::vector<double> whole;  // [targets], nats
  Attribution attribution;
  std::optional<Trust> trust;
  std::optional<Attribution> other;
  std::optional<double> agreement;  // Kendall's tau-b of both sums over the prompt's spans

  std::vector<double> sums;                           // of the attribution, over all targets
  std::string source_text(std::size_t source) const;  // as it is spelled, broken UTF-8 replaced
  std::string target_text(std::size_t target) const;  // the same; "(end)" for the end of text
};

// Throws what PrefixScores throws, Error(kUsage) for a prompt without any part and a made text
// without any token.
Account account_for(Backend& backend, Question question, std::string part,
                    const AccountOptions& options);

// What it quotes, overwritten.
void wipe(Account& account);

// For a page: broken UTF-8 replaced.
std::string readable(std::string_view text);

// How strongly something is shaded: 1 from a tenth of `largest`, 2 from a third, 3 from two
// thirds, below zero for values below zero.
int shade_of(double value, double largest);

// The sources of a target (of all: target == attribution.targets) by size of influence, the
// largest first, as many as are told apart from zero, at most `most`.
std::vector<std::size_t> leading_sources(const Account& account, std::size_t target,
                                         std::size_t most);

// One paragraph for each: how far to trust it; how to read it.
std::string trust_in_words(const Account& account);
std::string reading_in_words(const Account& account);

// For a terminal: shaded by colours or by signs, rows of at most `columns` where words allow. What
// it quotes is visible(); the colours are the only control characters.
std::string account_text(const Account& account, int columns, bool color);

// All numbers.
nlohmann::ordered_json account_json(const Account& account);

}  // namespace medgen::why
