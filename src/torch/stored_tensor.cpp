// See the header.
#include "torch/stored_tensor.h"

namespace medgen {
namespace {

at::ScalarType scalar_type(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return at::kFloat;
    case ElementType::kFloat16:
      return at::kHalf;
    case ElementType::kBFloat16:
      return at::kBFloat16;
    case ElementType::kFloat64:
      return at::kDouble;
    case ElementType::kInt64:
      return at::kLong;
    case ElementType::kInt32:
      return at::kInt;
    case ElementType::kInt16:
      return at::kShort;
    case ElementType::kInt8:
      return at::kChar;
    case ElementType::kUint8:
      return at::kByte;
    case ElementType::kBool:
      return at::kBool;
  }
  return at::kFloat;
}

}  // namespace

at::Tensor RecordReader::read(const StoredTensor& tensor) {
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

}  // namespace medgen
