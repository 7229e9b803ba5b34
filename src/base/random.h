// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). Every number is a pure function of its key and counter,
// so it does not depend on the order in which numbers are asked for.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace medgen::base {

// Names one stream of random numbers.
struct RandomKey {
  std::uint64_t seed = 0;
  std::uint64_t request = 0;  // what the numbers are drawn for: a prompt, an epoch
  std::uint32_t sample = 0;   // below 2^31; the upper half belongs to permutation()
};

// The plain function: one block of four random words.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

// The number at place `counter` of the stream, in [0, 1), with 53 random bits.
// Philox key = seed (low word first); counter words = {counter, sample, request low, request high}.
double uniform(const RandomKey& key, std::uint32_t counter);

// 0 .. n - 1 in random order (Fisher-Yates), a pure function of n and key. Its stream shares no
// number with uniform()'s of the same key.
std::vector<std::uint32_t> permutation(std::uint32_t n, const RandomKey& key);

// Random bytes of the operating system, which nobody can guess. Throws Error(kRuntime) if it has
// none.
void fill_randomly(std::span<unsigned char> bytes);

// A seed from the same, for runs without one; below 2^53, so that programs that read
// numbers as doubles keep it.
std::uint64_t system_seed();

}  // namespace medgen::base
