// Which tensor of somebody else's GPT-2 is which parameter of ours. Knows names and shapes, not
// values.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "bundle/config.h"

namespace medgen::bundle {

struct ParameterSources {
  std::map<std::string, std::string> stored_name;  // of each of our parameters
  bool has_lm_head = false;  // there is an lm_head.weight, whether or not the model is tied
  // What no GPT2LMHeadModel reads, "*" standing for the layer: other heads and buffers.
  std::set<std::string> ignored;
};

// `stored` is all that the checkpoint holds. Names may carry a "transformer." prefix, or none, or
// one of a wrapping module; the mask buffers "attn.bias" and "attn.masked_bias", position ids and
// the heads of other tasks are ignored. The embedding of a tied model may be stored as
// "lm_head.weight" alone.
// Throws Error(kModel), naming the tensor, if one is missing, unknown, duplicated or of another
// shape than `config` implies. `source` names the checkpoint in messages.
ParameterSources match_parameters(const ModelConfig& config,
                                  const std::vector<ParameterSpec>& stored,
                                  const std::string& source);

}  // namespace medgen::bundle
