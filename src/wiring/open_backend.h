// The one place that knows both back ends: which of them runs a model, in which precision, and
// where its packed weights are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "medgen/backend.h"
#include "medgen/backend_options.h"
#include "medgen/bundle.h"
#include "medgen/model_config.h"
#include "medgen/tokenizer.h"
#include "native/native_backend.h"
#include "native/packer.h"

namespace medgen::wiring {

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
  bool installed = false;        // lies in the folder that was installed with the program
};

// What the source's packed weights must belong to.
native::PackedKey packed_key(const ModelSource& source, native::Precision precision);

// Where packed weights are looked for: beside the bundle, and in the user's cache.
std::vector<std::filesystem::path> packed_places(const ModelSource& source,
                                                 const native::PackedKey& key);

// `auto` is native on the CPU for every GPT-2 that the native engine knows, else torchscript.
// Throws Error(kUsage) for options that contradict each other or the model, Error(kModel) for a
// model that cannot be used.
std::unique_ptr<Backend> open_backend(const ModelSource& source, const BackendOptions& options);

// The same, always native.
std::unique_ptr<native::NativeBackend> open_native_backend(const ModelSource& source,
                                                           const BackendOptions& options);

// The definition of what the engine computes: the scalar kernels in fp32, on weights that are
// packed anew from model_pt and kept in memory alone. Slow.
std::unique_ptr<native::NativeBackend> open_definition(const ModelSource& source,
                                                       const BackendOptions& options);

// How many sequences at once make a step of this machine's kernels cheapest per token: with more,
// keys and values leave the cores' caches, which only the speed of tiles makes up for.
int useful_slots();

// The packed weights alone, in the options' precision.
std::unique_ptr<native::PackedWeights> open_packed_weights(const ModelSource& source,
                                                           const BackendOptions& options);

// The token ids of the source's probe text.
std::vector<int> probe_tokens(const ModelSource& source);

}  // namespace medgen::wiring
