// GPT-2 as TorchScript source: the one definition that is written into a model.pt, run by libtorch
// and trained. Nothing of libtorch here.
//
//   forward(input_ids [batch, time] int64, position_ids [batch, time] int64, cache:
//   Optional[Tensor])
//     -> (logits [batch, time, vocab_size] float32, cache)
//
// Without a cache the rows see each other causally by position. With one, keys and values of
// these rows are written into it in place at their positions, and every row attends to the
// positions up to its own. A cache is float32 zeros of [n_layer, 2, batch, n_head, capacity,
// head_size]. hidden() and logits() are the two halves of forward().
#pragma once

#include <string>
#include <vector>

#include "bundle/config.h"

namespace medgen::bundle {

// The module in which TorchScript's classes are: GPT2 is __torch__.medgen.GPT2.
inline constexpr const char* kScriptFolder = "__torch__.medgen";

struct ScriptMember;

// An object of a class. Objects of one class have equal members and methods.
struct ScriptModule {
  std::string type;                     // the class, in kScriptFolder
  std::vector<std::string> parameters;  // tensors, by name
  std::vector<ScriptMember> modules;
  std::string methods;  // source, four blanks a level; may be empty
};

struct ScriptMember {
  std::string name;
  ScriptModule module;
};

// The parameters' paths are the names of parameter_specs(config). Throws as validate() does.
ScriptModule gpt2_script(const ModelConfig& config);

}  // namespace medgen::bundle
