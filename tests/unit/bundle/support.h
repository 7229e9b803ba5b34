// What the tests of this folder share: errors as values, and handmade safetensors files.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "bundle/gpt2_parameters.h"
#include "medgen/error.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::bundle_test {
using namespace bundle;

namespace fs = std::filesystem;

inline fs::path fixture(const std::string& name) {
  return fs::path(MEDGEN_FIXTURES) / "checkpoints" / name;
}

// The message of the Error that `action` throws; a failure if it throws none or another code.
template <typename Action>
std::string error_of(Action action, ErrorCode code = ErrorCode::kModel) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

struct StoredTensor {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

inline std::string float_bytes(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

inline std::string with_header(const std::string& header, const std::string& data) {
  const std::uint64_t size = header.size();
  std::string file(sizeof size, '\0');
  std::memcpy(file.data(), &size, sizeof size);
  return file + header + data;
}

inline std::string safetensors_bytes(const std::vector<StoredTensor>& tensors) {
  std::string header = "{\"__metadata__\":{\"format\":\"pt\"}";
  std::string data;
  for (const StoredTensor& tensor : tensors) {
    std::string shape;
    for (const auto size : tensor.shape) {
      if (!shape.empty()) shape += ',';
      shape += std::to_string(size);
    }
    header += ",\"" + tensor.name + "\":{\"dtype\":\"" + tensor.dtype + "\",\"shape\":[" + shape +
              "],\"data_offsets\":[" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + tensor.bytes.size()) + "]}";
    data += tensor.bytes;
  }
  return with_header(header + "}", data);
}

}  // namespace medgen::bundle_test
