// The one place that knows both back ends: which of them runs a model, in which precision, and
// where its packed weights are. Must not know of commands or terminals.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "medgen/backend.h"
#include "medgen/bundle.h"
#include "medgen/model_config.h"
#include "medgen/tokenizer.h"
#include "native/native_backend.h"
#include "native/packer.h"

namespace medgen::wiring {

struct BackendOptions {
  std::string backend = "auto";    // "auto", "native", "torchscript"
  std::string precision = "auto";  // "auto", "fp32", "bf16", "int8"; native only
  std::string device = "cpu";      // "cpu", "cuda"; cuda is torchscript's
  int threads = 0;                 // 0: the physical cores this process may use
  int max_slots = 16;
  std::uint64_t cache_memory_bytes = 0;  // 0: enough for all slots
  bool keep_weights = true;              // false: as native::NativeOptions
  bool trust_code = false;               // allow a model that must run its own code
  // Called with the progress of packing weights, if they must be packed; may throw to stop it.
  native::PackProgress packing;
};

// What to run.
struct ModelSource {
  std::filesystem::path model_pt;
  std::filesystem::path folder;  // of the bundle; empty for a lone TorchScript file
  std::string sha256;            // of model_pt
  ModelConfig config;
  std::string not_gpt2;        // why model_pt must run its own code; empty for a GPT-2
  std::string auto_precision;  // the fastest faithful one by `convert`; may be empty
  std::string probe_text;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::function<void()> verify;  // of model_pt's checksum, called before it is read; may be empty
};

// Notes for the user: "the packed weights were damaged and are being rebuilt".
using Note = std::function<void(const std::string&)>;

// What the source's packed weights must belong to.
native::PackedKey packed_key(const ModelSource& source, native::Precision precision);

// Where packed weights are looked for: beside the bundle, and in the user's cache.
std::vector<std::filesystem::path> packed_places(const ModelSource& source,
                                                 const native::PackedKey& key);

// `auto` is native on the CPU for every GPT-2 that the native engine knows, else torchscript.
// Throws Error(kUsage) for options that contradict each other or the model, Error(kModel) for a
// model that cannot be used.
std::unique_ptr<Backend> open_backend(const ModelSource& source, const BackendOptions& options,
                                      const Note& note = {});

// The same, always native.
std::unique_ptr<native::NativeBackend> open_native_backend(const ModelSource& source,
                                                           const BackendOptions& options,
                                                           const Note& note = {});

// How many sequences at once make a step of this machine's kernels cheapest per token: with more,
// keys and values leave the cores' caches, which only the speed of tiles makes up for.
int useful_slots();

// The packed weights alone, in the options' precision.
std::unique_ptr<native::PackedWeights> open_packed_weights(const ModelSource& source,
                                                           const BackendOptions& options,
                                                           const Note& note = {});

// The token ids of the source's probe text.
std::vector<int> probe_tokens(const ModelSource& source);

}  // namespace medgen::wiring
