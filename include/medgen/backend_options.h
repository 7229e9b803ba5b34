// Which back end runs a model, and how.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "medgen/export.h"

namespace medgen {

enum class BackendKind {
  kAuto,         // native for every GPT-2 that it can run, else TorchScript
  kNative,       // medgen's own engine
  kTorchScript,  // libtorch
};

enum class WeightPrecision {
  kAuto,  // the fastest that was found faithful when the model was made
  kFloat32,
  kBFloat16,  // native only
  kInt8,      // native only
};

enum class Device { kCpu, kCuda };  // CUDA is TorchScript's

// "auto", "native", "torchscript"; "auto", "fp32", "bf16", "int8"; "cpu", "cuda".
MEDGEN_API std::string_view to_string(BackendKind kind);
MEDGEN_API std::string_view to_string(WeightPrecision precision);
MEDGEN_API std::string_view to_string(Device device);

// The way back. Throw Error(kUsage) with the name and those that are allowed.
MEDGEN_API BackendKind parse_backend_kind(std::string_view name);
MEDGEN_API WeightPrecision parse_weight_precision(std::string_view name);
MEDGEN_API Device parse_device(std::string_view name);

struct BackendOptions {
  BackendKind backend = BackendKind::kAuto;
  WeightPrecision precision = WeightPrecision::kAuto;
  Device device = Device::kCpu;
  int threads = 0;     // 0 to 1024; 0: the physical cores that this process may use
  int max_slots = 16;  // sequences computed together; 1 to 65536
  std::uint64_t cache_memory_bytes = 0;  // most for keys and values; 0: what all slots need
  bool keep_weights = true;              // false: give memory-mapped weights back after each step
  bool verify_all = false;  // read all of the model and compare checksums, not only what is used
  bool trust_code = false;  // let a TorchScript file that is not a GPT-2 run its code

  // Told what is worth knowing ("the packed weights were damaged and are built again"). May be
  // empty.
  std::function<void(const std::string& text)> note = {};
  // Told how far the packing of weights has come, where they must be packed; may throw to stop it.
  std::function<void(int done, int total)> packing = {};
};

// Throws SettingError for what is out of range, Error(kUsage) for choices that exclude each other.
MEDGEN_API void validate(const BackendOptions& options);

}  // namespace medgen
