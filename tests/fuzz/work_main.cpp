// Whether what readers do grows no faster than what they are given. Counted, not timed: clang's
// coverage calls a function for each comparison that the readers' code makes, and here these
// functions count. What libraries do inside themselves is not seen.
// Usage: fuzz_work [TARGET...]; 1 if one of them does more than its share.
#include <cstdio>
#include <set>

#include "fuzz/entry_points.h"
#include "fuzz/generated.h"

namespace {

std::uint64_t comparisons = 0;

}  // namespace

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): their names are clang's
void __sanitizer_cov_trace_cmp1(std::uint8_t, std::uint8_t) { ++comparisons; }
void __sanitizer_cov_trace_cmp2(std::uint16_t, std::uint16_t) { ++comparisons; }
void __sanitizer_cov_trace_cmp4(std::uint32_t, std::uint32_t) { ++comparisons; }
void __sanitizer_cov_trace_cmp8(std::uint64_t, std::uint64_t) { ++comparisons; }
void __sanitizer_cov_trace_const_cmp1(std::uint8_t, std::uint8_t) { ++comparisons; }
void __sanitizer_cov_trace_const_cmp2(std::uint16_t, std::uint16_t) { ++comparisons; }
void __sanitizer_cov_trace_const_cmp4(std::uint32_t, std::uint32_t) { ++comparisons; }
void __sanitizer_cov_trace_const_cmp8(std::uint64_t, std::uint64_t) { ++comparisons; }
void __sanitizer_cov_trace_switch(std::uint64_t, std::uint64_t*) { ++comparisons; }
// NOLINTEND(bugprone-reserved-identifier)
}

namespace medgen::fuzz {
namespace {

// n log n passes, n squared does not.
constexpr double kMostGrowth = 2.5;

double work_of(Target target, const std::string& data) {
  const std::uint64_t before = comparisons;
  target(data);
  return static_cast<double>(comparisons - before);
}

// Work on twice as much over the work on once as much.
double growth_of(Target target, const Growing& growing, std::size_t n) {
  target(growing.make(1));  // what is made once
  const std::string once = growing.make(n), twice = growing.make(2 * n);
  const double share = static_cast<double>(twice.size()) / static_cast<double>(once.size());
  return work_of(target, twice) / work_of(target, once) * 2 / share;
}

// Companion: what is made for each pair of bytes is seen.
double growth_of_pairs() {
  const auto pairs = [](const std::string& data) {
    volatile int equal = 0;
    for (const char a : data) {
      for (const char b : data) equal = equal + (a == b ? 1 : 0);
    }
  };
  return growth_of(pairs, {"", "", many("", "a"), false}, 1000);
}

int run(const std::set<std::string>& wanted) {
  int failures = 0;
  if (growth_of_pairs() < 3.5) {
    std::fprintf(stderr, "fuzz_work: work that grows with the square is not seen\n");
    ++failures;
  }
  for (const Growing& growing : growing_inputs()) {
    if (!wanted.empty() && !wanted.contains(growing.target)) continue;
    const double growth = growth_of(targets().at(growing.target), growing, 1500);
    const bool fails = !(growth <= kMostGrowth) && !growing.square;
    std::fprintf(stderr, "fuzz_work: %s, %s: twice the input, %.2f times the work%s\n",
                 growing.target, growing.name, growth, fails ? "  TOO MUCH" : "");
    failures += fails ? 1 : 0;
  }
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace medgen::fuzz

int main(int argc, char** argv) { return medgen::fuzz::run({argv + 1, argv + argc}); }
