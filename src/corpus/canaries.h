// Canaries: texts with random digits that are planted into training text, so that it can be
// measured how far a model remembers what it saw so many times (Carlini and others 2019, "The
// secret sharer: evaluating and testing unintended memorization in neural networks").
//
// A file of canaries is JSON lines, {"text": "The code is 281-330.", "times": 20}. What is random
// is the digits of the text: each of the equally many texts with other digits might have been
// planted as well. `times` is how often it stands in an epoch of the training text; 0 plants
// nothing: such a text is a control.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace medgen::corpus {

struct Canary {
  std::string text;
  int times = 0;
  bool operator==(const Canary&) const = default;
};

inline constexpr int kMostCanaries = 1000;
inline constexpr int kMostCanaryTimes = 1000;
inline constexpr int kLeastCanaryDigits = 4;
inline constexpr std::size_t kMostCanaryBytes = 2000;

// Throws Error(kRuntime) that names the line and what is wrong, never quoting it.
std::vector<Canary> read_canaries(const std::filesystem::path& file);
// As read_canaries() reads it.
std::string canaries_jsonl(const std::vector<Canary>& canaries);

// `count` that stand `times` times each and as many controls, nine digits in each; from the seed.
std::vector<Canary> make_canaries(int count, int times, std::uint64_t seed);

int digits_of(const std::string& text);

// The text with other digits: number `number` of `seed`'s. May give the text itself again.
std::string with_random_digits(const std::string& text, std::uint64_t seed, std::uint64_t number);

// SHA-256, in hexadecimal, of canaries_jsonl(): what a training record knows them by.
std::string canaries_fingerprint(const std::vector<Canary>& canaries);

}  // namespace medgen::corpus
