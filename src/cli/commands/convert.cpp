// `medgen convert`: a GPT-2 from elsewhere becomes a model folder.
#include "jobs/convert.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "jobs/model_defaults.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "wiring/torch_module.h"

namespace medgen::cli {
namespace fs = std::filesystem;
namespace {

struct ConvertArguments {
  std::optional<std::string> source, output, tokenizer, name, dtype;
  bool force = false, trust_code = false, quiet = false;
};

ConvertArguments parse_convert(const Arguments& words) {
  ConvertArguments a;
  CommandLine line("medgen convert",
                   "Makes a model folder from a Hugging Face GPT-2 checkpoint (config.json, "
                   "model.safetensors or "
                   "pytorch_model.bin, tokenizer files) or from a TorchScript file of one (with "
                   "config.json beside it).");
  line.positional(reads("SOURCE"), a.source, true, "The checkpoint's folder, or a FILE.pt.");
  line.positional(makes_folder("OUT_DIR"), a.output, true, "The folder to write; must not exist.");
  line.choice("--dtype", {"fp32", "fp16"}, a.dtype,
              "How to store the parameters: fp32 or fp16. Default: fp32.");
  line.text("--tokenizer", reads("PATH"), a.tokenizer,
            "The tokenizer's folder or file. Default: the source's folder.");
  line.text("--name", "NAME", a.name, "The model's name. Default: the checkpoint's own.");
  line.flag("--trust-code", a.trust_code,
            "For a FILE.pt: also run the code inside it, to check that config.json matches it. "
            "Only for a file whose author you trust.");
  line.flag("--force", a.force, "Replace OUT_DIR if it is a model folder.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return a;
}

}  // namespace

int convert_command(const Arguments& words) {
  const ConvertArguments a = parse_convert(words);
  const Messages messages(a.quiet);
  const fs::path source = *a.source;
  const fs::path output = *a.output;
  std::error_code error;
  if (!fs::exists(source, error)) {
    throw Error(ErrorCode::kModel, fmt::format("no checkpoint at {}: give a folder with "
                                               "config.json and model.safetensors, or a FILE.pt",
                                               source.string()));
  }
  Progress line(a.quiet);
  const InterruptScope interrupt;
  jobs::ConvertOptions options;
  options.storage =
      a.dtype == "fp16" ? bundle::StorageType::kFloat16 : bundle::StorageType::kFloat32;
  if (a.tokenizer) options.tokenizer = *a.tokenizer;
  options.name = a.name.value_or("");
  options.replace = a.force;
  const auto progress = [&](const std::string& what, int done, int total) {
    if (interrupt.interrupted()) throw Interrupted{};
    if (done == total) return line.clear();
    line.show([&] { return fmt::format("{} {} of {}", what, done, total); });
  };
  options.loaded = [] { finish_loading(safety::Writes::kAsBefore); };
  options.note = [&](const std::string& text) { messages.note(text); };
  options.progress = [&](int done, int total) { progress("tensor", done, total); };
  options.last = [&](const fs::path& folder) {
    line.clear();
    jobs::settle_precision(
        folder, [&](const std::string& text) { messages.note(text); },
        [&](const std::string& precision, int done, int total) {
          progress("packing in " + precision + ", part", done, total);
        });
  };
  try {
    if (fs::is_directory(source)) {
      jobs::convert_checkpoint(source, output, options);
    } else {
      jobs::convert_archive(source, output, options,
                            a.trust_code ? &wiring::torch_room() : nullptr);
    }
  } catch (const Interrupted&) {
    return kExitInterrupted;
  }
  const fs::path beside = source.has_parent_path() ? source.parent_path() : fs::path(".");
  note_all(jobs::generation_config_of(fs::is_directory(source) ? source : beside).notes, messages);
  note_all(jobs::model_defaults(Bundle::open_without_model(output)).notes, messages);
  messages.note("wrote " + output.string());
  return kExitFine;
}

}  // namespace medgen::cli
