// Reads safetensors files (https://github.com/huggingface/safetensors, "Format"): one file, or
// shards with their index.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace medgen::bundle {

class Safetensors {
 public:
  struct Tensor {
    std::string file;   // that it is in, for messages
    std::string dtype;  // "F32", "F16", "BF16", ...
    std::vector<std::int64_t> shape;
    std::string_view bytes;  // in the mapped file; any alignment
  };

  // `path` is a .safetensors file or a model.safetensors.index.json. Checks header, sizes and
  // offsets of all files. Throws Error(kModel) that names the file and, where there is one, the
  // tensor.
  static Safetensors open(const std::filesystem::path& path);

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }

  // F64, F32, F16 or BF16 as float32, row-major. Throws Error(kModel) naming the tensor for another
  // dtype, for NaN and for infinity.
  std::vector<float> read_float32(const std::string& name) const;

 private:
  void add_file(const std::filesystem::path& path);
  void add_shards(const std::filesystem::path& path);

  std::vector<base::MappedFile> files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace medgen::bundle
