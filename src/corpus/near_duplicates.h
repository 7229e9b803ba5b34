// Finds texts that are the same or nearly so. Needs 164 bytes for each text, never the text, and up
// to 250 more for each while looking.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace medgen::corpus {

// The first 128 bits of a text's SHA-256.
struct TextHash {
  std::uint64_t order = 0;  // which of several duplicates is kept: the smallest
  std::uint64_t split = 0;  // into training or validation; independent of `order`
  auto operator<=>(const TextHash&) const = default;
};
TextHash hash_text(std::string_view text);

// MinHash (Broder, "On the resemblance and containment of documents", 1997): of each of 128 hash
// functions over the text's 5-word shingles the smallest value, of which 8 bits are kept (Li and
// Koenig, "b-Bit minwise hashing", 2010). Words are runs of letters and digits in lower case.
inline constexpr std::size_t kSignatureSize = 128;
using Signature = std::array<std::uint8_t, kSignatureSize>;
Signature sign_text(std::string_view text);

// Estimated Jaccard similarity of the shingle sets; standard error 0.035 at 0.8.
double similarity(const Signature& a, const Signature& b);

enum class Fate : std::uint8_t { kKept, kSame, kNear };

struct Verdict {
  Fate fate = Fate::kKept;
  std::uint32_t kept = 0;   // for what is dropped: the text that stands for it
  float similarity = 1.0F;  // to that text; 1 for kSame
};

struct KnownText {
  TextHash hash;
  std::uint32_t preference = 0;  // of texts with the same hash the one with the lowest is kept
  Signature signature{};
};

// Which texts to keep. In the order of their hashes, a text is dropped if it equals one already
// kept or its similarity to it is `threshold` or more. Hence the same texts are dropped whatever
// order they came in (texts that are equal in all of KnownText are interchangeable).
// Candidates come from 20 bands of 6 values, which finds a pair of similarity 0.8 with probability
// 0.998, one of 0.9 always. `threshold` in [0.7, 1]; above 1: equal texts only. `looked_at` is set
// to how many texts were looked at as possible candidates, which is what the search's time depends
// on.
std::vector<Verdict> find_duplicates(std::span<const KnownText> texts, double threshold,
                                     std::uint64_t* looked_at = nullptr);

}  // namespace medgen::corpus
