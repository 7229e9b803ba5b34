// See the header.
#include "wiring/open_backend.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "base/instruction_set.h"
#include "base/log.h"
#include "base/refuse.h"
#include "base/sha256.h"
#include "bundle/gpt2_parameters.h"
#include "bundle/probe_text.h"
#include "kernels/tables.h"
#include "medgen/error.h"
#include "wiring/torch_module.h"

namespace medgen::wiring {
namespace {

using native::PackedKey;
using native::PackedWeights;
using native::Precision;

using base::refuse;

// The precision that `asked` stands for. Throws Error(kModel) if the manifest names none of ours.
native::Precision precision_of(const ModelSource& source, WeightPrecision asked) {
  if (asked == WeightPrecision::kAuto && !source.auto_precision.empty()) {
    try {
      asked = parse_weight_precision(source.auto_precision);
    } catch (const Error& error) {
      throw Error(ErrorCode::kModel, "the model's manifest: " + std::string(error.what()));
    }
  }
  switch (asked) {
    case WeightPrecision::kInt8:
      return native::Precision::kInt8;
    case WeightPrecision::kBFloat16:
      return native::Precision::kBFloat16;
    case WeightPrecision::kFloat32:
    case WeightPrecision::kAuto:  // not measured
      break;
  }
  return native::Precision::kFloat32;
}

base::LogWords why_precision(const ModelSource& source, WeightPrecision asked) {
  if (asked != WeightPrecision::kAuto) return "it was asked for";
  return source.auto_precision.empty()
             ? base::LogWords("no faster one is known to be faithful")
             : base::LogWords("the fastest that was found faithful to this model");
}

// Why the native engine cannot run the model; empty if it can.
std::string native_obstacle(const ModelSource& source) {
  return source.not_gpt2.empty() ? native::unsupported_reason(source.config) : source.not_gpt2;
}

void require_native(const ModelSource& source) {
  const std::string obstacle = native_obstacle(source);
  if (obstacle.empty()) return;
  throw Error(ErrorCode::kModel, "the native back end cannot run this model: " + obstacle);
}

// Packing also depends on the probe's tokens. A bundle's tokenizer lies beside its weights;
// one named for a lone file may differ the next time.
std::string identity(const ModelSource& source) {
  if (!source.folder.empty()) return source.sha256;
  std::string all = source.sha256 + bundle::config_to_json(source.config);
  for (const int id : probe_tokens(source)) all += fmt::format("{} ", id);
  return base::sha256(all);
}

// Into `file`, or memory alone if it is empty; `why` says why there is no file.
std::unique_ptr<native::PackedWeights> pack_into(const std::filesystem::path& file,
                                                 const ModelSource& source,
                                                 const native::PackedKey& key,
                                                 const kernels::Kernels& kernels,
                                                 const BackendOptions& options, std::string& why) {
  if (source.verify) source.verify();
  base::ThreadPool pool(options.threads > 0 ? options.threads : base::usable_cores());
  const auto parameters = bundle::Gpt2Parameters::open(source.model_pt, source.config);
  const std::vector<int> probe =
      key.precision == native::Precision::kInt8 ? probe_tokens(source) : std::vector<int>{};
  const auto fill = [&](std::byte* block, const std::function<void()>& forget) {
    native::pack(key.config, key.precision, parameters.reader(), probe, kernels, pool, block,
                 [&](int done, int total) {
                   forget();
                   if (options.packing) options.packing(done, total);
                 });
  };
  return native::PackedWeights::build(file, key, fill, why);
}

std::unique_ptr<native::PackedWeights> build(const ModelSource& source,
                                             const native::PackedKey& key,
                                             const kernels::Kernels& kernels,
                                             const BackendOptions& options) {
  // Another user's file beside the model is left to them.
  const std::filesystem::path at_model = native::packed_path(source.folder, key.precision);
  struct stat there {};
  const bool beside = !source.folder.empty() && ::access(source.folder.c_str(), W_OK) == 0 &&
                      (::lstat(at_model.c_str(), &there) != 0 || there.st_uid == ::geteuid());
  const std::filesystem::path file = beside ? at_model : native::cached_packed_path(key);
  const base::Stopwatch watch;
  std::string why;
  auto packed = pack_into(file, source, key, kernels, options, why);
  base::log_debug("the weights were packed", {{"file", base::LogPath(file)},
                                              {"kept", why.empty()},
                                              {"bytes", packed->model().size_bytes},
                                              {"time", watch.elapsed()}});
  if (!why.empty() && options.note) {
    options.note("the packed weights could not be kept (" + why +
                 "), so the next start packs them again" +
                 (beside && key.secret ? ""
                                       : ": see that HOME is a folder of yours, or set " +
                                             std::string("XDG_CONFIG_HOME and XDG_CACHE_HOME")));
  }
  return packed;
}

std::unique_ptr<native::PackedWeights> find_or_build(const ModelSource& source,
                                                     const native::PackedKey& key,
                                                     const kernels::Kernels& kernels,
                                                     const BackendOptions& options) {
  if (options.verify_all && source.verify) source.verify();
  std::vector<std::string> notes;
  for (const auto& place : packed_places(source, key)) {
    const base::Stopwatch watch;
    std::string why;
    if (auto found = native::PackedWeights::open(place, key, why)) {
      base::log_debug("packed weights were found", {{"file", base::LogPath(place)},
                                                    {"bytes", found->model().size_bytes},
                                                    {"time", watch.elapsed()}});
      return found;
    }
    if (!why.empty()) {
      notes.push_back("the packed weights " + place.string() + " are not used (" + why +
                      "); they are being rebuilt");
    }
  }
  for (const std::string& note : notes) {
    if (options.note) options.note(note);
  }
  return build(source, key, kernels, options);
}

// The module says nothing itself; its back ends are warm when they are opened.
void log_opened(BackendKind kind, const BackendOptions& options, const base::Stopwatch& watch) {
  base::log_debug("back end opened", {{"is", kind},
                                      {"asked", options.backend},
                                      {"device", options.device},
                                      {"load", watch.elapsed()}});
}

}  // namespace

int useful_slots() { return &native::choose_kernels() == kernels::kAmxKernels ? 32 : 16; }

native::PackedKey packed_key(const ModelSource& source, native::Precision precision) {
  native::PackedKey key{identity(source), source.config, precision};
  key.secret = source.installed ? native::kInstalledSecret : base::user_key(key.why_no_secret);
  return key;
}

std::vector<std::filesystem::path> packed_places(const ModelSource& source,
                                                 const native::PackedKey& key) {
  std::vector<std::filesystem::path> places;
  if (!source.folder.empty()) places.push_back(native::packed_path(source.folder, key.precision));
  const auto cached = native::cached_packed_path(key);
  if (!cached.empty()) places.push_back(cached);
  return places;
}

std::vector<int> probe_tokens(const ModelSource& source) {
  const std::string text(source.probe_text.empty() ? bundle::default_probe_text()
                                                   : std::string_view(source.probe_text));
  const std::vector<TokenId> ids = source.tokenizer->encode(text);
  if (ids.empty())
    throw Error(ErrorCode::kModel, "the model's tokenizer makes no tokens of its probe text");
  return {ids.begin(), ids.end()};
}

std::unique_ptr<native::PackedWeights> open_packed_weights(const ModelSource& source,
                                                           const BackendOptions& options) {
  require_native(source);
  const native::PackedKey key = packed_key(source, precision_of(source, options.precision));
  base::log_debug("precision",
                  {{"is", key.precision}, {"why", why_precision(source, options.precision)}});
  return find_or_build(source, key, native::choose_kernels(), options);
}

std::unique_ptr<native::NativeBackend> open_native_backend(const ModelSource& source,
                                                           const BackendOptions& options) {
  const kernels::Kernels& kernels = native::choose_kernels();
  if (&kernels == kernels::kScalarKernels && std::getenv("MEDGEN_ISA") == nullptr && options.note) {
    options.note("this processor has no AVX2, so the plain kernels are used, which are slow");
  }
  const char* forced = std::getenv("MEDGEN_ISA");
  base::log_debug("instruction set",
                  {{"is", kernels::instruction_set_of(kernels)},
                   {"why", forced != nullptr && *forced != '\0'
                               ? base::LogWords("MEDGEN_ISA names it")
                               : base::LogWords("the best that this processor has")}});
  auto weights = open_packed_weights(source, options);
  native::NativeOptions native_options;
  native_options.max_slots = options.max_slots;
  native_options.threads = options.threads;
  native_options.cache_memory_bytes = options.cache_memory_bytes;
  native_options.keep_weights = options.keep_weights;
  return std::make_unique<native::NativeBackend>(std::move(weights), kernels, native_options);
}

std::unique_ptr<native::NativeBackend> open_definition(const ModelSource& source,
                                                       const BackendOptions& options) {
  require_native(source);
  const kernels::Kernels& kernels = *kernels::kScalarKernels;
  const native::PackedKey key{identity(source), source.config, native::Precision::kFloat32};
  std::string why;
  native::NativeOptions native_options;
  native_options.max_slots = options.max_slots;
  native_options.threads = options.threads;
  return std::make_unique<native::NativeBackend>(pack_into({}, source, key, kernels, options, why),
                                                 kernels, native_options);
}

std::unique_ptr<Backend> open_backend(const ModelSource& source, const BackendOptions& options) {
  validate(options);
  const base::Stopwatch watch;
  const bool can_be_native = options.device == Device::kCpu && native_obstacle(source).empty();
  if (options.backend == BackendKind::kNative ||
      (options.backend == BackendKind::kAuto && can_be_native)) {
    auto backend = open_native_backend(source, options);
    log_opened(BackendKind::kNative, options, watch);
    return backend;
  }
  if (options.precision != WeightPrecision::kAuto &&
      options.precision != WeightPrecision::kFloat32) {
    const std::string precision(to_string(options.precision));
    throw SettingError("`precision`",
                       {"precision", precision, "auto or fp32",
                        fmt::format(" is {}, but the TorchScript back end computes in fp32 only: "
                                    "leave it out, or use `backend` native",
                                    precision)});
  }
  if (!source.not_gpt2.empty() && !options.trust_code) {
    throw Error(
        ErrorCode::kModel,
        "the model " + source.model_pt.string() + " cannot be read as a GPT-2: " + source.not_gpt2 +
            ". If it is a model of another kind, `trust_code` runs the code inside it, provided "
            "it uses only operators that compute on tensors; use it only for a file "
            "whose author you trust");
  }
  if (source.verify) source.verify();
  torchscript::BackendOptions torch_options;
  torch_options.device = to_string(options.device);
  torch_options.threads = options.threads;
  torch_options.max_slots = options.max_slots;
  std::unique_ptr<Backend> backend;
  if (!source.not_gpt2.empty()) {
    backend = torch_room().open_foreign(source.model_pt, source.config, torch_options);
  } else {
    const auto parameters = bundle::Gpt2Parameters::open(source.model_pt, source.config);
    backend = torch_room().open_backend(source.config, parameters.reader(), torch_options);
  }
  log_opened(BackendKind::kTorchScript, options, watch);
  return backend;
}

}  // namespace medgen::wiring
