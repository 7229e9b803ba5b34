// MinHash signatures and the search over them.
#include "corpus/near_duplicates.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>

#include "medgen/error.h"

namespace medgen::corpus {
namespace {

constexpr std::size_t kShingleWords = 5;
constexpr std::size_t kBands = 20;
constexpr std::size_t kBandRows = 6;
constexpr int kMostInBucket = 200;  // further kept texts with the same band are not looked up there

// SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

// Hashes of the words, one after another.
std::vector<std::uint64_t> word_hashes(std::string_view text) {
  constexpr std::uint64_t kStart = 14695981039346656037ULL;  // FNV-1a
  std::vector<std::uint64_t> words;
  std::uint64_t hash = kStart;
  const auto end_word = [&] {
    if (hash != kStart) words.push_back(hash);
    hash = kStart;
  };
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool in_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
    if (in_word) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    } else {
      end_word();
    }
  }
  end_word();
  return words;
}

const std::array<std::uint64_t, kSignatureSize>& multipliers() {
  static const auto made = [] {
    std::array<std::uint64_t, kSignatureSize> values{};
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = mix(i + 1) | 1U;
    return values;
  }();
  return made;
}

std::uint64_t band_key(const Signature& signature, std::size_t band) {
  std::uint64_t key = 0;
  std::memcpy(&key, signature.data() + band * kBandRows, kBandRows);
  return key | (static_cast<std::uint64_t>(band) << 56U);
}

// Kept texts by the bands of their signatures: an open hash table that holds numbers alone.
class BandTable {
 public:
  explicit BandTable(std::span<const KnownText> texts) : texts_(texts) {
    std::size_t size = 1024;
    while (size < texts.size() * kBands * 3 / 2) size *= 2;
    slots_.assign(size, 0);
  }

  // Calls `visit` with each kept text that shares the band; stops when it returns true.
  template <typename Visit>
  bool find(const Signature& signature, std::size_t band, Visit visit) {
    const std::uint64_t key = band_key(signature, band);
    for (std::size_t at = place(key); slots_[at] != 0; at = next(at)) {
      const std::uint32_t text = slots_[at] - 1;
      ++looked_at_;
      if (band_key(texts_[text].signature, band) == key && visit(text)) return true;
    }
    return false;
  }

  void insert(std::uint32_t text) {
    for (std::size_t band = 0; band < kBands; ++band) {
      const std::uint64_t key = band_key(texts_[text].signature, band);
      int there = 0;
      std::size_t at = place(key);
      for (; slots_[at] != 0 && there < kMostInBucket; at = next(at)) {
        there += band_key(texts_[slots_[at] - 1].signature, band) == key ? 1 : 0;
        ++looked_at_;
      }
      if (slots_[at] == 0) slots_[at] = text + 1;
    }
  }

  std::uint64_t looked_at() const { return looked_at_; }

 private:
  std::size_t place(std::uint64_t key) const { return mix(key) & (slots_.size() - 1); }
  std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  std::span<const KnownText> texts_;
  std::vector<std::uint32_t> slots_;
  std::uint64_t looked_at_ = 0;
};

}  // namespace

TextHash hash_text(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw Error(ErrorCode::kRuntime, "OpenSSL could not compute a SHA-256 checksum");
  }
  TextHash hash;
  std::memcpy(&hash.order, digest.data(), 8);
  std::memcpy(&hash.split, digest.data() + 8, 8);
  return hash;
}

Signature sign_text(std::string_view text) {
  const std::vector<std::uint64_t> words = word_hashes(text);
  const std::size_t shingles = words.size() < kShingleWords ? 1 : words.size() - kShingleWords + 1;
  std::array<std::uint32_t, kSignatureSize> smallest{};
  smallest.fill(~std::uint32_t{0});
  const auto& factors = multipliers();
  for (std::size_t i = 0; i < shingles; ++i) {
    std::uint64_t hash = 0;
    for (std::size_t j = i; j < std::min(i + kShingleWords, words.size()); ++j) {
      hash = mix(hash ^ words[j]);
    }
    for (std::size_t k = 0; k < kSignatureSize; ++k) {
      smallest[k] = std::min(smallest[k], static_cast<std::uint32_t>((hash * factors[k]) >> 32U));
    }
  }
  Signature signature;
  // The top bits of a minimum are nearly always 0; after mixing, any 8 bits are as good as others.
  for (std::size_t k = 0; k < kSignatureSize; ++k) {
    signature[k] = static_cast<std::uint8_t>(mix(smallest[k]));
  }
  return signature;
}

double similarity(const Signature& a, const Signature& b) {
  int equal = 0;
  for (std::size_t k = 0; k < kSignatureSize; ++k) equal += a[k] == b[k] ? 1 : 0;
  constexpr double kByChance = 1.0 / 256;
  const double share = static_cast<double>(equal) / kSignatureSize;
  return std::max(0.0, (share - kByChance) / (1 - kByChance));
}

std::vector<Verdict> find_duplicates(std::span<const KnownText> texts, double threshold,
                                     std::uint64_t* looked_at) {
  std::vector<Verdict> verdicts(texts.size());
  std::vector<std::uint32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (texts[a].hash != texts[b].hash) return texts[a].hash < texts[b].hash;
    return texts[a].preference != texts[b].preference ? texts[a].preference < texts[b].preference
                                                      : a < b;
  });
  const bool look_for_near = threshold <= 1;
  BandTable table(look_for_near ? texts : texts.subspan(0, 0));
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::uint32_t text = order[i];
    if (i > 0 && texts[order[i - 1]].hash == texts[text].hash) {
      const Verdict& first = verdicts[order[i - 1]];
      verdicts[text] = {Fate::kSame, first.fate == Fate::kKept ? order[i - 1] : first.kept, 1.0F};
      continue;
    }
    if (!look_for_near) continue;
    Verdict& verdict = verdicts[text];
    for (std::size_t band = 0; band < kBands && verdict.fate == Fate::kKept; ++band) {
      table.find(texts[text].signature, band, [&](std::uint32_t other) {
        const double found = similarity(texts[text].signature, texts[other].signature);
        if (found < threshold) return false;
        verdict = {Fate::kNear, other, static_cast<float>(found)};
        return true;
      });
    }
    if (verdict.fate == Fate::kKept) table.insert(text);
  }
  if (looked_at != nullptr) *looked_at = table.looked_at();
  return verdicts;
}

}  // namespace medgen::corpus
