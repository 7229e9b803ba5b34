// `medgen verify`: is the native engine faithful to the model, and to itself? A table, and exit
// status 1 if a bound is broken.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "wiring/faithfulness.h"
#include "wiring/torch_module.h"

namespace medgen::cli {
namespace {

struct VerifyArguments {
  std::optional<std::string> model, tokenizer;
  std::optional<int> threads;
  bool json = false, quiet = false;
};

VerifyArguments parse_verify(const Arguments& words) {
  VerifyArguments a;
  CommandLine line(
      "medgen verify",
      "Compares the native engine with TorchScript (without libtorch's module: with the engine's "
      "own "
      "scalar definition) on the model's probe text, in every precision, and with itself over "
      "batches, threads and this machine's instruction sets.");
  line.positional(
      reads_model("MODEL"), a.model, false,
      "The model's folder, or a TorchScript GPT-2 (with --tokenizer). Default: the model "
      "that comes with medgen.");
  line.text("--tokenizer", reads("DIR"), a.tokenizer, "Tokenizer for a MODEL that is a .pt file.");
  line.number("--threads", a.threads,
              "Threads; 0 to 1024, 0 is one per physical core. Default: 0.");
  line.flag("--json", a.json, "Print one line of JSON instead of a table.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return a;
}

void print_table(Output& output, const std::vector<wiring::Check>& checks) {
  for (const wiring::Check& check : checks) {
    // ">" and "<" also hold for what is not a number.
    output.write(fmt::format("{:6}  {:>12.3g}  at most {:<8.3g}  {}\n",
                             check.holds() ? "ok" : "BROKEN", check.value, check.bound,
                             check.what));
  }
}

void print_json(Output& output, const std::vector<wiring::Check>& checks, bool all_hold) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const wiring::Check& check : checks) {
    list.push_back({{"check", check.what},
                    {"value", check.value},
                    {"bound", check.bound},
                    {"holds", check.holds()}});
  }
  const nlohmann::ordered_json result = {{"holds", all_hold}, {"checks", list}};
  output.write(result.dump() + "\n");
}

wiring::Reference reference(const Messages& messages) {
  if (wiring::has_torch_room()) return wiring::Reference::kTorchScript;
  messages.note(
      "libtorch's module is not there, so the engine is compared with its own scalar definition in "
      "fp32, not with another program's arithmetic; scripts/run --with-torch builds the module");
  return wiring::Reference::kDefinition;
}

}  // namespace

int verify_command(const Arguments& words) {
  const VerifyArguments a = parse_verify(words);
  const Messages messages(a.quiet);
  BackendArguments backend;
  backend.threads = a.threads;
  const BackendOptions options = resolve(backend, messages);
  const jobs::ModelFiles model = jobs::open_model(a.model, a.tokenizer);
  const auto checks = wiring::verify_model(jobs::source_of(model), options, reference(messages));
  bool all_hold = true;
  for (const wiring::Check& check : checks) all_hold = all_hold && check.holds();
  Output output(STDOUT_FILENO);
  if (a.json) {
    print_json(output, checks, all_hold);
  } else {
    print_table(output, checks);
  }
  output.flush();
  return all_hold ? kExitFine : static_cast<int>(ErrorCode::kRuntime);
}

}  // namespace medgen::cli
