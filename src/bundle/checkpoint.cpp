// See the header.
#include "bundle/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "bundle/fail.h"
#include "bundle/safetensors.h"
#include "bundle/shard_index.h"
#include "bundle/torchscript_weights.h"

namespace medgen::bundle {
namespace {

namespace fs = std::filesystem;

// In the order of transformers; a variant stands before the last dot, or before ".json".
constexpr std::array kWeightNames = {
    std::pair("model", ".safetensors"), std::pair("model.safetensors.index", ".json"),
    std::pair("pytorch_model", ".bin"), std::pair("pytorch_model.bin.index", ".json")};

// Formats that are known and not read.
constexpr std::array kOtherWeights = {
    std::pair("tf_model.h5", "TensorFlow's"), std::pair("flax_model.msgpack", "Flax's"),
    std::pair("rust_model.ot", "Rust's"), std::pair("model.onnx", "ONNX's")};

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// "model.fp16.safetensors" is one of "model" and ".safetensors"; shards are not.
bool is_variant(std::string_view name, std::string_view begin, std::string_view end) {
  if (name.size() < begin.size() + end.size() + 2 || !name.ends_with(end)) return false;
  if (!name.starts_with(begin) || name[begin.size()] != '.') return false;
  name.remove_suffix(end.size());
  return name.substr(begin.size() + 1).find('.') == std::string_view::npos &&
         name.find("-of-") == std::string_view::npos;
}

// The only variant of the first kind that has any; empty if there is none.
fs::path find_variant(const fs::path& folder) {
  const std::vector<std::string> names = names_in(folder);
  for (const auto& [begin, end] : kWeightNames) {
    std::vector<std::string> variants;
    for (const std::string& name : names) {
      if (is_variant(name, begin, end) && base::is_file(folder / name)) variants.push_back(name);
    }
    if (variants.size() > 1) {
      fail(
          fmt::format("{} holds several variants of the weights: {}; keep one of them, or call it "
                      "{}{}",
                      folder.string(), fmt::join(variants, ", "), begin, end));
    }
    if (!variants.empty()) return folder / variants.front();
  }
  return {};
}

// The newest of the snapshots of a folder of the hub's cache; empty if it is none.
fs::path find_snapshot(const fs::path& folder) {
  fs::path newest;
  fs::file_time_type time;
  std::error_code error;
  for (fs::directory_iterator entry(folder / "snapshots", error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const auto written = fs::last_write_time(entry->path(), ignored);
    if (!newest.empty() && written <= time) continue;
    newest = entry->path();
    time = written;
  }
  return newest;
}

[[noreturn]] void refuse_folder(const fs::path& folder) {
  const std::string shown = folder.string();
  if (const fs::path snapshot = find_snapshot(folder); !snapshot.empty()) {
    fail(fmt::format("{} is a folder of the hub's cache; give the snapshot in it: {}", shown,
                     snapshot.string()));
  }
  for (const char* adapter :
       {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"}) {
    if (!base::is_file(folder / adapter)) continue;
    fail(shown +
         " holds an adapter (LoRA) alone, without the model that it changes; merge them in Python "
         "with PEFT's merge_and_unload() and save_pretrained(), and give that folder");
  }
  for (const auto& [name, whose] : kOtherWeights) {
    if (!base::is_file(folder / name)) continue;
    fail(
        fmt::format("{} holds {}, {} format, which is not read; save the model with transformers "
                    "as safetensors: save_pretrained(...)",
                    shown, name, whose));
  }
  for (const std::string& name : names_in(folder)) {
    if (!name.ends_with(".gguf")) continue;
    fail(shown + " holds " + name +
         ", in the GGUF format, which is not read; give the Hugging Face folder that it was made "
         "from");
  }
  fail(shown +
       " holds neither model.safetensors nor model.safetensors.index.json nor pytorch_model.bin; "
       "give the folder of a Hugging Face checkpoint");
}

// A state_dict in one file or several.
class StateDict {
 public:
  void add(const fs::path& file) {
    parts_.push_back(TorchScriptWeights::open(file));
    std::uint64_t bytes = 0;
    for (ParameterSpec& spec : parts_.back().specs()) {
      // A few bytes that are named a thousand times would be packed a thousand times. The
      // embedding and a head that is tied to it are the same ones.
      if (!may_be_tied(spec.name)) bytes += parts_.back().bytes(spec.name);
      if (!part_of_.emplace(spec.name, parts_.size() - 1).second) {
        fail(file.string() + ": tensor \"" + spec.name + "\" is in another shard too");
      }
      specs_.push_back(std::move(spec));
    }
    if (bytes > parts_.back().file_bytes()) {
      fail(
          fmt::format("{}: its tensors have {} bytes, the file only {}; several of them name the "
                      "same place",
                      file.string(), bytes, parts_.back().file_bytes()));
    }
  }

  const std::vector<ParameterSpec>& specs() const { return specs_; }
  const std::map<std::string, std::size_t>& names() const { return part_of_; }
  std::vector<float> read(const std::string& name) const { return part(name).read(name); }
  bool same(const std::string& a, const std::string& b) const {
    return &part(a) == &part(b) ? part(a).same(a, b) : read(a) == read(b);
  }

 private:
  const TorchScriptWeights& part(const std::string& name) const {
    return parts_[part_of_.at(name)];
  }

  std::vector<TorchScriptWeights> parts_;
  std::map<std::string, std::size_t> part_of_;
  std::vector<ParameterSpec> specs_;
};

TensorSource open_state_dict(const fs::path& weights) {
  const auto parts = std::make_shared<StateDict>();
  if (weights.extension() == ".json") {
    const ShardIndex index = read_shard_index(weights);
    for (const std::string& shard : index.shards) parts->add(weights.parent_path() / shard);
    require_all_of_index(index, parts->names());
  } else {
    parts->add(weights);
  }
  TensorSource source;
  source.stored = parts->specs();
  source.read = [parts](const std::string& name) { return parts->read(name); };
  source.same = [parts](const std::string& a, const std::string& b) { return parts->same(a, b); };
  return source;
}

TensorSource open_safetensors(const fs::path& weights) {
  const auto tensors = std::make_shared<const Safetensors>(Safetensors::open(weights));
  TensorSource source;
  for (const auto& [name, tensor] : tensors->tensors())
    source.stored.push_back({name, tensor.shape});
  source.read = [tensors](const std::string& name) { return tensors->read_float32(name); };
  source.same = [tensors](const std::string& a, const std::string& b) {
    return tensors->read_float32(a) == tensors->read_float32(b);
  };
  return source;
}

}  // namespace

fs::path find_checkpoint_weights(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    fail(folder.string() + " is not a folder; give the folder of a Hugging Face checkpoint");
  }
  for (const auto& [begin, end] : kWeightNames) {
    const fs::path file = folder / (std::string(begin) + end);
    if (base::is_file(file)) return file;
  }
  fs::path variant = find_variant(folder);
  if (variant.empty()) refuse_folder(folder);
  return variant;
}

std::vector<fs::path> checkpoint_files(const fs::path& weights) {
  std::vector<fs::path> files = {weights};
  if (weights.extension() != ".json") return files;
  for (const std::string& shard : read_shard_index(weights).shards) {
    files.push_back(weights.parent_path() / shard);
  }
  return files;
}

TensorSource open_checkpoint_weights(const fs::path& weights) {
  const bool pickled = weights.filename().string().starts_with("pytorch_model");
  TensorSource source = pickled ? open_state_dict(weights) : open_safetensors(weights);
  source.shown = weights.string();
  return source;
}

}  // namespace medgen::bundle
