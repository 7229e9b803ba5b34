// The parameters of a GPT-2, wherever they come from, under the names that a bundle uses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bundle/config.h"
#include "bundle/parameter_names.h"
#include "bundle/torchscript_weights.h"

namespace medgen::bundle {

// Supplies parameters by their name in a bundle ("transformer.h.0.attn.c_attn.weight"), as float32
// in row-major order of the expected shape, one at a time so that no more than one need be in
// memory.
using TensorReader = std::function<std::vector<float>(const std::string& name,
                                                      const std::vector<std::int64_t>& shape)>;

// Tensors under somebody's names.
struct TensorSource {
  std::string shown;  // its name in messages
  std::vector<ParameterSpec> stored;
  std::function<std::vector<float>(const std::string& stored_name)> read;  // float32, row-major
  std::function<bool(const std::string& a, const std::string& b)> same;    // equal values
};

class Gpt2Parameters {
 public:
  // Throws Error(kModel), naming the tensor, if `source` does not hold just what `config` implies.
  Gpt2Parameters(const ModelConfig& config, TensorSource source);

  // Of a TorchScript archive: a bundle's, or one traced or scripted elsewhere. Its code is not
  // examined.
  static Gpt2Parameters open(const std::filesystem::path& model_pt, const ModelConfig& config);
  static Gpt2Parameters of(TorchScriptWeights weights, const std::string& shown,
                           const ModelConfig& config);

  // The configuration, with the head tied exactly if lm_head.weight is there and equals the
  // embedding, or is not there.
  const ModelConfig& config() const { return config_; }

  // `name` and `shape` as in parameter_specs(config()).
  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape) const;
  TensorReader reader() const;  // read() of this object, which must outlive it
  const std::string& shown() const { return source_.shown; }
  const std::string& stored_name(const std::string& name) const;
  const std::set<std::string>& ignored() const { return sources_.ignored; }

 private:
  void settle_head();

  ModelConfig config_;
  TensorSource source_;
  ParameterSources sources_;
};

}  // namespace medgen::bundle
