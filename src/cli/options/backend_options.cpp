// See the header.
#include "cli/options/backend_options.h"

#include "medgen/error.h"

namespace medgen::cli {
namespace {

// Refuses a number outside low .. high; 0 means the default.
int within(const char* name, std::optional<int> value, int low, int high, const char* remedy) {
  if (value && (*value < low || *value > high)) {
    std::string message = name;
    message += " is " + std::to_string(*value) + "; it must be from " + std::to_string(low);
    throw Error(ErrorCode::kUsage, message + " to " + std::to_string(high) + ": " + remedy);
  }
  return value.value_or(0);
}

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
  line.flag("--trust-code", a.trust_code,
            "Let a model file that is not a GPT-2 run the code inside it, if that uses only "
            "operators that compute on tensors. Only for a file whose author you trust.");
}

wiring::BackendOptions resolve(const BackendArguments& a) {
  wiring::BackendOptions options;
  options.backend = a.backend.value_or(options.backend);
  options.precision = a.precision.value_or(options.precision);
  options.device = a.device.value_or(options.device);
  options.threads = within("threads", a.threads, 0, 1024, "0 takes one for each physical core");
  options.trust_code = a.trust_code;
  const int megabytes =
      within("cache-memory", a.cache_memory, 1, 1 << 20, "leave it out to use what is needed");
  options.cache_memory_bytes = static_cast<std::uint64_t>(megabytes) << 20U;
  if (options.backend == "native" && options.device != "cpu") {
    throw Error(ErrorCode::kUsage, "--backend native runs on the cpu only, but --device is " +
                                       options.device + ": leave one of them out");
  }
  return options;
}

}  // namespace medgen::cli
