// Parameters of a TorchScript archive, read without libtorch and one at a time. Such an archive is
// a zip file with a pickle that names the tensors; the pickle is taken as data, and nothing in it
// is run. Knows nothing of what the parameters are for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bundle/config.h"

namespace medgen {

class TorchScriptWeights {
 public:
  // Throws Error(kModel) if the file is not such an archive.
  static TorchScriptWeights open(const std::filesystem::path& model_pt);
  TorchScriptWeights(TorchScriptWeights&&) noexcept;
  ~TorchScriptWeights();

  // Of all tensors, by their path in the module: "transformer.h.0.attn.c_attn.weight".
  std::vector<ParameterSpec> specs() const;
  // How a tensor is stored; bfloat16 and others are refused.
  StorageType storage(const std::string& name) const;

  // The name in the zip file of what holds exactly this tensor. Throws Error(kModel) if there is
  // none.
  std::string entry(const std::string& name, const std::vector<std::int64_t>& shape,
                    StorageType type) const;

  // As float32, row-major. Throws Error(kModel) if it is missing, of another shape or damaged.
  std::vector<float> read(const std::string& name, const std::vector<std::int64_t>& shape) const;

 private:
  struct State;
  explicit TorchScriptWeights(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Writes every parameter of `config`, as `read` gives it (float32, row-major), over the content
// that an archive of the same model holds, one at a time. Throws Error(kModel) if a parameter is
// missing or of another shape, Error(kRuntime) if writing fails.
void fill_archive(const std::filesystem::path& model_pt, const ModelConfig& config,
                  StorageType storage,
                  const std::function<std::vector<float>(
                      const std::string& name, const std::vector<std::int64_t>& shape)>& read);

}  // namespace medgen
