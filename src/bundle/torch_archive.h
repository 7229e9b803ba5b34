// The zip file that torch.jit.save and torch.save write, read as data: pickles that name tensors,
// the tensors' bytes, and the code as text. Nothing in it is ever run. Every size it states is
// checked against what the file holds before memory is allocated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bundle/pickle.h"

namespace medgen::bundle {

enum class ElementType : std::uint8_t {
  kFloat32,
  kFloat16,
  kBFloat16,
  kFloat64,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUint8,
  kBool,
};
std::size_t bytes_of(ElementType type);

struct StoredTensor {
  std::string record;  // that holds it: "data/12"
  ElementType type = ElementType::kFloat32;
  std::uint64_t offset = 0;  // of the first element in the record, in elements
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in elements

  std::uint64_t count() const;  // of elements
  bool is_row_major() const;
};

class TorchArchive {
 public:
  // Throws Error(kModel) if the file is not such an archive.
  static TorchArchive open(const std::filesystem::path& path);
  TorchArchive(TorchArchive&&) noexcept;
  ~TorchArchive();

  std::uint64_t file_bytes() const;

  // Records are named without the archive's own folder: "data.pkl", "code/__torch__.py".
  bool has(const std::string& record) const;
  std::string entry(const std::string& record) const;  // the name in the zip file
  // A whole record. Throws Error(kModel) if it is missing, damaged or longer than `max_bytes`.
  std::string text(const std::string& record, std::uint64_t max_bytes) const;
  Pickle pickle(const std::string& record) const;

  // Whether `value` rebuilds a tensor.
  static bool is_tensor(const Pickle& pickle, const PickleValue& value);
  // What it rebuilds; `folder` holds its records: "data", "constants". Throws Error(kModel) if it
  // does not lie within its record, has more elements than that, or is of an unsupported kind
  // (sparse, quantized, complex).
  StoredTensor tensor(const Pickle& pickle, const PickleValue& value, const char* folder) const;
  // How many elements of its type the record that holds it has, and all of them.
  std::uint64_t record_elements(const StoredTensor& tensor) const;
  void read_record(const StoredTensor& tensor, void* out) const;
  // Its elements as float32, row-major. Throws Error(kModel) if they are not floating-point.
  std::vector<float> floats(const StoredTensor& tensor) const;

  [[noreturn]] void fail(const std::string& why) const;  // Error(kModel) that names the file

 private:
  struct State;
  explicit TorchArchive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace medgen::bundle
