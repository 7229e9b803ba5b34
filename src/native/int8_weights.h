// A matrix in int8: the steps that preserve its accuracy, by the formulas in packer.h.
#pragma once

#include <span>
#include <vector>

#include "native/packed_model.h"
#include "native/panels.h"

namespace medgen::native {

// Divisors of the inputs, from their largest magnitudes [k].
std::vector<float> smoothing(std::span<const float> input_most, const Weights& w,
                             base::ThreadPool& pool);

// Writes the matrix in int8, its inputs divided by `divisor` [k].
void pack_int8(const Weights& w, const Matrix& matrix, std::span<const float> divisor,
               base::ThreadPool& pool);

// Whether rounding the inputs, [rows, k], to 8 bits matters to the packed matrix; see packer.h for
// the bounds.
bool needs_wide(const Weights& w, const Matrix& matrix, std::span<const float> inputs,
                bool gives_logits, base::ThreadPool& pool);

}  // namespace medgen::native
