// See the header.
#include "torchscript/stored_tensor.h"

namespace medgen::torchscript {
namespace {

at::ScalarType scalar_type(bundle::ElementType type) {
  switch (type) {
    case bundle::ElementType::kFloat32:
      return at::kFloat;
    case bundle::ElementType::kFloat16:
      return at::kHalf;
    case bundle::ElementType::kBFloat16:
      return at::kBFloat16;
    case bundle::ElementType::kFloat64:
      return at::kDouble;
    case bundle::ElementType::kInt64:
      return at::kLong;
    case bundle::ElementType::kInt32:
      return at::kInt;
    case bundle::ElementType::kInt16:
      return at::kShort;
    case bundle::ElementType::kInt8:
      return at::kChar;
    case bundle::ElementType::kUint8:
      return at::kByte;
    case bundle::ElementType::kBool:
      return at::kBool;
  }
  return at::kFloat;
}

}  // namespace

at::Tensor RecordReader::read(const bundle::StoredTensor& tensor) {
  const auto [place, is_new] = records_.try_emplace(tensor.record, tensor.type, at::Tensor());
  auto& [type, elements] = place->second;
  if (is_new) {
    const auto count = static_cast<std::int64_t>(archive_.record_elements(tensor));
    elements = at::empty({count}, scalar_type(tensor.type));
    archive_.read_record(tensor, elements.data_ptr());
  }
  if (type != tensor.type) archive_.fail("its " + tensor.record + " holds tensors of two types");
  return elements.as_strided(tensor.shape, tensor.strides,
                             static_cast<std::int64_t>(tensor.offset));
}

}  // namespace medgen::torchscript
