// Philox4x32-10 and what is derived from it. The constants are those of the paper's table 2.
#include "base/random.h"

#include <sys/random.h>

#include <bit>
#include <numeric>
#include <utility>

#include "medgen/error.h"

namespace medgen::base {
namespace {

// Separates the streams of permutation() from those of uniform().
constexpr std::uint32_t kPermutationDomain = 0x80000000U;

std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

// 64 random bits at place `counter` of a stream.
std::uint64_t bits(const RandomKey& key, std::uint32_t counter) {
  const auto words = philox4x32_10({counter, key.sample, low(key.request), high(key.request)},
                                   {low(key.seed), high(key.seed)});
  return std::uint64_t{words[0]} << 32 | words[1];
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {high(product1) ^ counter[1] ^ key[0], low(product1),
               high(product0) ^ counter[3] ^ key[1], low(product0)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

double uniform(const RandomKey& key, std::uint32_t counter) {
  return static_cast<double>(bits(key, counter) >> 11) * 0x1p-53;
}

std::vector<std::uint32_t> permutation(std::uint32_t n, const RandomKey& key) {
  RandomKey stream = key;
  stream.sample |= kPermutationDomain;
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  for (std::uint32_t i = n; i > 1; --i) {
    // Multiply instead of modulo; the bias is below 2^-32.
    const std::uint64_t j = (bits(stream, i) >> 32) * i >> 32;
    std::swap(order[i - 1], order[j]);
  }
  return order;
}

void fill_randomly(std::span<unsigned char> bytes) {
  // Never short for up to 256 bytes, and it cannot fail on a kernel that has the call.
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Error(ErrorCode::kRuntime, "this system gives no random numbers");
  }
}

std::uint64_t system_seed() {
  std::array<unsigned char, sizeof(std::uint64_t)> bytes{};
  fill_randomly(bytes);
  return std::bit_cast<std::uint64_t>(bytes) >> 11;
}

}  // namespace medgen::base
