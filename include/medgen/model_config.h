// The architecture of a GPT-2, under Hugging Face's names. Read from and written to config.json by
// bundle/config.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "medgen/export.h"

namespace medgen {

struct MEDGEN_API ModelConfig {
  int vocab_size = 0;
  int n_positions = 0;  // context length
  int n_embd = 0;
  int n_layer = 0;
  int n_head = 0;   // divides n_embd
  int n_inner = 0;  // width of the feed-forward; 4 * n_embd unless the config says otherwise
  std::string activation_function = "gelu_new";
  double layer_norm_epsilon = 1e-5;
  bool scale_attn_weights = true;                // divide scores by sqrt(head size)
  bool scale_attn_by_inverse_layer_idx = false;  // and by (layer index + 1)
  bool reorder_and_upcast_attn = false;  // scale before the product; same in exact arithmetic
  bool tie_word_embeddings = true;       // lm_head.weight is wte.weight
  std::optional<int> bos_token_id;
  std::optional<int> eos_token_id;

  int head_size() const { return n_embd / n_head; }
  std::int64_t parameter_count() const;
};

// Throws Error(kModel) naming the key, its value and what is allowed.
MEDGEN_API void validate(const ModelConfig& config);

}  // namespace medgen
