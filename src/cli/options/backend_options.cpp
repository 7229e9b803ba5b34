// See the header.
#include "cli/options/backend_options.h"

#include <fmt/format.h>

#include "base/refuse.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

constexpr int kMaxCacheMegabytes = 1 << 20;

}  // namespace

void declare(CommandLine& line, BackendArguments& a) {
  line.choice("--backend", {"auto", "native", "torchscript"}, a.backend,
              "What runs the model: native, medgen's engine; torchscript, libtorch; auto, native "
              "wherever it can run the model. Default: auto.");
  line.choice(
      "--precision", {"auto", "fp32", "bf16", "int8"}, a.precision,
      "How native stores the weights: fp32, bf16 or int8; auto is the fastest that was found "
      "faithful when the model was made. Default: auto.");
  line.choice("--device", {"cpu", "cuda"}, a.device,
              "Where to compute: cpu, or cuda (torchscript only). Default: cpu.");
  line.number("--threads", a.threads,
              "Threads to compute with; 0 to 1024, 0 is one per physical core. Default: 0.");
  line.number(
      "--cache-memory", a.cache_memory,
      "Memory limit in MB for keys and values; 1 to 1048576. Default: what the sequences need.");
  line.choice("--verify", {"quick", "full"}, a.verify,
              "What of a model is checked at the start: quick, every file's size, the checksums of "
              "all but the "
              "weights, and the seal of the packed weights that are used; full, the weights' "
              "checksum too. Default: "
              "quick.");
  line.flag("--trust-code", a.trust_code,
            "Let a model file that is not a GPT-2 run the code inside it, if that uses only "
            "operators that compute on tensors. Only for a file whose author you trust.");
}

void declare_model(CommandLine& line, std::optional<std::string>& model,
                   std::optional<std::string>& tokenizer) {
  line.text("--model", reads_model("DIR|FILE.pt"), model,
            "Model folder, Hugging Face folder of a GPT-2 (converted on first use, see "
            "docs/MODELS.md), or "
            "a TorchScript GPT-2 (with --tokenizer). Default: the model that comes with medgen.");
  line.text("--tokenizer", reads("DIR"), tokenizer, "Tokenizer for a --model that is a .pt file.");
}

void declare_slots(CommandLine& line, std::optional<int>& slots) {
  line.number("--slots", slots,
              "Sequences computed together; 1 to 4096. Changes no result. Default: by the model's "
              "size and the free memory.");
}

void validate_slots(const std::optional<int>& slots) {
  if (!slots || (*slots >= 1 && *slots <= 4096)) return;
  base::refuse_value("slots", fmt::to_string(*slots), "from 1 to 4096",
                     "leave it out to have it chosen");
}

BackendOptions resolve(const BackendArguments& a) {
  BackendOptions options;
  if (a.backend) options.backend = parse_backend_kind(*a.backend);
  if (a.precision) options.precision = parse_weight_precision(*a.precision);
  if (a.device) options.device = parse_device(*a.device);
  options.threads = a.threads.value_or(0);
  options.trust_code = a.trust_code;
  options.verify_all = a.verify == "full";
  validate(options);
  if (a.cache_memory && (*a.cache_memory < 1 || *a.cache_memory > kMaxCacheMegabytes)) {
    base::refuse_value("cache-memory", fmt::to_string(*a.cache_memory),
                       fmt::format("from 1 to {}", kMaxCacheMegabytes),
                       "leave it out to use what is needed");
  }
  options.cache_memory_bytes = static_cast<std::uint64_t>(a.cache_memory.value_or(0)) << 20U;
  return options;
}

BackendOptions resolve(const BackendArguments& a, const Messages& messages) {
  BackendOptions options = resolve(a);
  options.note = [messages](const std::string& text) { messages.note(text); };
  return options;
}

}  // namespace medgen::cli
