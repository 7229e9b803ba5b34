// What the tests of this folder share: errors as values, handmade safetensors
// files and a torch room without torch.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "medgen/error.h"
#include "places.h"
#include "temporary_folder.h"
#include "wiring/torch_room.h"

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

// Reads every parameter, as the real one does, and writes a file that only the checksums look at.
class FakeTorchRoom : public wiring::TorchRoom {
 public:
  std::string libtorch_version() const override { return "none"; }

  std::unique_ptr<Backend> open_backend(const ModelConfig&, const TensorReader&,
                                        const torchscript::BackendOptions&) override {
    throw Error(ErrorCode::kRuntime, "the fake torch room runs no model");
  }

  std::unique_ptr<Backend> open_foreign(const fs::path&, const ModelConfig&,
                                        const torchscript::BackendOptions&) override {
    throw Error(ErrorCode::kRuntime, "the fake torch room runs no code");
  }

  void export_model(const ModelConfig& config, StorageType, const TensorReader& reader,
                    const fs::path& model_pt) override {
    base::write_file(model_pt, "half a ");
    for (const ParameterSpec& spec : parameter_specs(config)) {
      exported[spec.name] = reader(spec.name, spec.shape);
    }
    base::write_file(model_pt, "a whole model");
  }

  train::LossAndGradients loss_and_gradients(const ModelConfig&, const TensorReader&,
                                             const std::vector<std::vector<TokenId>>&,
                                             const train::GradientOptions&) override {
    return {};
  }

  torchscript::GradientInfluence gradient_influence(const ModelConfig&, const TensorReader&,
                                                    const torchscript::GradientAsked&) override {
    return {};
  }

  void train(const train::TrainOptions&, train::TrainObserver&) override {}

  std::map<std::string, std::vector<float>> exported;
};

}  // namespace medgen::bundle_test
