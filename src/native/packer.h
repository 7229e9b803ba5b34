// From a model's parameters to the packed form: panels, bfloat16, and int8 with the steps that
// preserve its accuracy. Reads one tensor at a time. Must not know of files.
//
// int8: weights are symmetric per output column. Each input channel j is first multiplied by d_j
// and its activations divided by it, d_j = sqrt(max |x_j| / max |w_j|), with the maxima of x taken
// from a run over a probe text: SmoothQuant (Xiao et al., ICML 2023, eq. 4, alpha = 1/2), but with
// the division kept in the quantiser instead of folded into the norms, so that it serves every
// matrix. Activations get 8 bits where the mean square of what their rounding changes in the
// products, measured on the same run, is at most (2 %)^2 of the products' own; for the logits, of
// which differences count, at most 0.001, which costs about half of that in nats. Else up to 13.
#pragma once

#include <functional>
#include <span>

#include "base/thread_pool.h"
#include "bundle/gpt2_parameters.h"
#include "kernels/kernels.h"
#include "medgen/model_config.h"
#include "native/packed_model.h"

namespace medgen::native {

// Called before each layer, and once more for the output matrix.
using PackProgress = std::function<void(int done, int total)>;

// Fills `block`, of lay_out()'s size. The result depends on the parameters, the precision and, for
// int8, on `probe` (token ids, at least 1), never on the processor. Throws Error(kModel) for
// weights that are not finite or beyond a precision's range, and whatever `read` throws.
void pack(const ModelConfig& config, Precision precision, const bundle::TensorReader& read,
          std::span<const int> probe, const kernels::Kernels& kernels, base::ThreadPool& pool,
          std::byte* block, const PackProgress& progress);

}  // namespace medgen::native
