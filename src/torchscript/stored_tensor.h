// Tensors of an archive in libtorch's own type.
#pragma once

#include <torch/script.h>

#include <map>
#include <string>
#include <utility>

#include "bundle/torch_archive.h"

namespace medgen::torchscript {

// Reads each record once and returns views of it: all tensors of an archive together take no more
// memory than its file, however often they are referenced.
class RecordReader {
 public:
  explicit RecordReader(const bundle::TorchArchive& archive) : archive_(archive) {}

  // `tensor` is what archive.tensor() gave. Throws Error(kModel) if its record is damaged, or holds
  // tensors of two types.
  at::Tensor read(const bundle::StoredTensor& tensor);

 private:
  const bundle::TorchArchive& archive_;
  std::map<std::string, std::pair<bundle::ElementType, at::Tensor>> records_;
};

}  // namespace medgen::torchscript
