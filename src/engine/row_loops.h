// The loops over a whole vocabulary, compiled for several instruction sets. All give the same bits:
// lanes and the order of sums are fixed, nothing is fused. Pointers and sizes only.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace medgen::engine {

inline constexpr std::size_t kRowBlock = 64;  // elements that share one maximum and one sum

// Sums of weights that are multiples of 2^-35, none above 1, are exact in double for up to 2^18 of
// them, so they do not depend on how tokens are grouped. A float is rounded to that grid by adding
// and subtracting this.
inline constexpr double kWeightGrid = 0x1.8p17;

struct RowLoops {
  std::string_view name;  // "scalar", "avx2", "avx512"
  // maxima: [ceil(n / kRowBlock)]. Returns whether there is a NaN.
  bool (*block_maxima)(const float* x, std::size_t n, float* maxima);
  // Sum of e^(x - highest).
  double (*exp_sum)(const float* x, std::size_t n, float highest);
  // The same, plus the sum of (x - highest) * e^(x - highest), which entropy also needs.
  double (*entropy_sums)(const float* x, std::size_t n, float highest, double* weighted);
  // Draw weights e^((x - highest) * scale) on the grid: a sum for each block. Returns exp_sum().
  double (*draw_sums)(const float* x, std::size_t n, float highest, float scale, double* sums);
  // weights = e^((x - highest) * scale), in double. Returns their sum.
  double (*weigh)(const double* x, std::size_t n, double highest, double scale, double* weights);
  // Sum of w * (x - highest) * scale.
  double (*weighted_sum)(const double* x, const double* w, std::size_t n, double highest,
                         double scale);
};

// Those that MEDGEN_ISA names or this processor runs best. The first call decides; it throws
// Error(kUsage) if the variable names none.
const RowLoops& row_loops();

// What row_loops() would decide now.
const RowLoops& choose_row_loops();

// All that this processor can run, the simplest first; for tests.
std::vector<const RowLoops*> all_row_loops();

// ln(sum of e^x) with the bits of a draw's log-probability; NaN for a
// row that has a NaN or no finite maximum. Takes row_loops().
double log_total(const float* x, std::size_t n);

// The draw weight of one token, as draw_sums() has it.
double draw_weight(float x, float highest, float scale);

}  // namespace medgen::engine
