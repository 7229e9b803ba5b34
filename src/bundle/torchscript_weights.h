// Parameters of a TorchScript archive by their path in the module, or of a state_dict that
// torch.save wrote by their names, read without libtorch and one at a time. The archive's code is
// not examined.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bundle/config.h"
#include "bundle/torch_archive.h"

namespace medgen::bundle {

class TorchScriptWeights {
 public:
  // Throws Error(kModel) if the file is not such an archive, or a tensor in it is not what it says.
  static TorchScriptWeights open(const std::filesystem::path& model_pt);

  // Of all tensors, by their path in the module: "transformer.h.0.attn.c_attn.weight".
  std::vector<ParameterSpec> specs() const;

  // Whether a tensor is stored in this type.
  bool holds(ElementType type) const;
  std::uint64_t bytes(const std::string& name) const;  // of the tensor's elements as stored
  std::uint64_t file_bytes() const { return archive_.file_bytes(); }

  // Whether two names refer to the same values.
  bool same(const std::string& a, const std::string& b) const;

  // As float32, row-major. Throws Error(kModel) if it is missing or damaged.
  std::vector<float> read(const std::string& name) const;

 private:
  explicit TorchScriptWeights(TorchArchive archive) : archive_(std::move(archive)) {}
  void collect(const Pickle& pickle, const PickleValue& object, const std::string& prefix,
               int depth);
  void collect_state_dict(const Pickle& pickle);
  const StoredTensor& tensor(const std::string& name) const;

  TorchArchive archive_;
  std::map<std::string, StoredTensor> tensors_;
  std::size_t visited_ = 0;
};

}  // namespace medgen::bundle
