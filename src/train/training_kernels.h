// The loops of training that libtorch would spread over several passes through memory: softmax of
// causal attention and of the output, GELU, dropout. Pointers and sizes only; one thread a call.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace medgen::train {

// C = alpha op(A) op(B) + beta C, all row-major; op(A) is [m, k], op(B) [k, n].
void gemm(bool transpose_a, bool transpose_b, int m, int n, int k, float alpha, const float* a,
          int lda, const float* b, int ldb, float beta, float* c, int ldc);
bool has_gemm();  // whether a BLAS with a Fortran interface was found

// scores [rows, ld]: row r keeps its first first_length + r values, the rest becomes 0; the kept
// become their softmax. log_sums [rows]: the logarithm of the sum of exponentials.
void causal_softmax(float* scores, int rows, int ld, int first_length, float* log_sums);

// The same probabilities again from the scores and the log_sums of causal_softmax().
void causal_softmax_again(float* scores, int rows, int ld, int first_length, const float* log_sums);

// gradient [rows, ld] of the probabilities becomes that of the scores, times `scale`:
// p (g - dots[r]), where dots[r] is the row's sum of p g.
void softmax_gradient(const float* probabilities, float* gradient, int rows, int ld,
                      const float* dots, float scale);

// For each of `rows` rows of two matrices with row strides `ld`: the sum of products of `n` values.
void row_dots(const float* a, const float* b, int rows, int n, int ld, float* dots);

// scores [rows, n] become (softmax - one at the target) * scale; returns the sum of the rows'
// negative log-likelihoods. With `gradient` false the scores are left as they are.
double softmax_loss(float* scores, std::int64_t rows, std::int64_t n, const std::int64_t* targets,
                    float scale, bool gradient);

// GELU in its tanh form (Hendrycks and Gimpel 2016): x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)).
void gelu(const float* x, float* y, std::int64_t n);
void gelu_gradient(const float* x, const float* dy, float* dx, std::int64_t n);

// y = x * mask / (1 - probability); the mask is a function of key and place alone, so the same call
// on a gradient is the backward pass. The place of x[0] is `first`.
void dropout(const float* x, float* y, std::int64_t n, double probability, std::uint64_t key,
             std::int64_t first);

// The functions above but gemm(), compiled for one instruction set.
struct TrainingLoops {
  std::string_view name;  // "scalar", "avx2", "avx512"
  decltype(&train::causal_softmax) causal_softmax;
  decltype(&train::causal_softmax_again) causal_softmax_again;
  decltype(&train::softmax_gradient) softmax_gradient;
  decltype(&train::row_dots) row_dots;
  decltype(&train::softmax_loss) softmax_loss;
  decltype(&train::gelu) gelu;
  decltype(&train::gelu_gradient) gelu_gradient;
  decltype(&train::dropout) dropout;
};

// Those that the functions above run: what MEDGEN_ISA names, or the best for this processor. The
// first call decides; it throws Error(kUsage) if the variable names none.
const TrainingLoops& training_loops();

// What training_loops() would decide now.
const TrainingLoops& choose_training_loops();

// All that this processor can run, the simplest first; for tests.
std::vector<const TrainingLoops*> all_training_loops();

}  // namespace medgen::train
