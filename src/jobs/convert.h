// Other people's GPT-2s become bundles: a Hugging Face checkpoint folder, or a traced or scripted
// TorchScript file. Without libtorch, unless an archive's own code is to be run.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "wiring/torch_room.h"

namespace medgen::jobs {

struct ConvertOptions {
  bundle::StorageType storage = bundle::StorageType::kFloat32;
  std::optional<std::filesystem::path> tokenizer;  // default: in the checkpoint's folder
  std::string name;                                // default: the checkpoint's own
  bool replace = false;                            // an existing bundle at `out`

  // Called once all code is loaded, before the first parameter is read. May be empty.
  std::function<void()> loaded;

  // Called before each parameter is read. An exception ends the conversion, with nothing left
  // behind.
  std::function<void(int done, int total)> progress;

  // Called with the complete folder before it appears as `out`. An exception leaves nothing behind.
  std::function<void(const std::filesystem::path& folder)> last;

  // Told which tensors are not used. May be empty.
  std::function<void(const std::string& text)> note;
};

// `checkpoint` holds config.json, the weights as find_checkpoint_weights() finds them, and a
// tokenizer. Throws Error(kModel) that names the file, key or tensor; Error(kUsage) if `out`
// exists.
void convert_checkpoint(const std::filesystem::path& checkpoint, const std::filesystem::path& out,
                        const ConvertOptions& options);

// The same for medgen's own use: model.pt holds a state_dict (see bundle/model_file.h), which only
// medgen takes for a model.
void convert_checkpoint_for_itself(const std::filesystem::path& checkpoint,
                                   const std::filesystem::path& out, const ConvertOptions& options);

// `archive` is a TorchScript file made of transformers' GPT-2 with a config.json beside it, which
// is trusted, as for a checkpoint. With `torch` the archive's own code, which the user trusts, is
// run for comparison, so that a config.json of another model is detected.
void convert_archive(const std::filesystem::path& archive, const std::filesystem::path& out,
                     const ConvertOptions& options, wiring::TorchRoom* torch = nullptr);

}  // namespace medgen::jobs
