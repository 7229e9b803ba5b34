// `medgen generate`: from a prompt to continuations on standard output.
// The parts are elsewhere; here is only their order.
#include "medgen/generate.h"

#include <unistd.h>

#include <memory>

#include "base/random.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/generate_options.h"
#include "cli/json_writer.h"
#include "cli/model.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/text_writer.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

GenerateArguments parse(const Arguments& words) {
  GenerateArguments arguments;
  CommandLine line(
      "medgen generate",
      "Continues a text, such as a sentence about symptoms, in several ways. This is also what "
      "medgen does when no command is named.");
  declare(line, arguments);
  line.parse(words);
  return arguments;
}

void fit_prompt(Request& request, bool truncate, int n_positions, const Messages& messages) {
  if (!truncate) return;  // generate() refuses what does not fit
  const int length = static_cast<int>(request.prompt.size());
  const int kept = kept_prompt_tokens(length, n_positions, request.stopping);
  if (kept == length) return;
  request.prompt.erase(request.prompt.begin(), request.prompt.end() - kept);
  messages.note("the prompt was too long: its first " + std::to_string(length - kept) + " of " +
                std::to_string(length) + " tokens were dropped");
}

Request make_request(const GenerateArguments& arguments, const Model& model,
                     const std::string& prompt, const Messages& messages) {
  const GenerateSettings settings = resolve(arguments, model.defaults);
  Request request;
  request.num_return_sequences = settings.num_return_sequences;
  request.sampling = settings.sampling;
  request.stopping = settings.stopping;
  if (!arguments.seed) {
    request.sampling.seed = system_seed();
    const std::string seed = std::to_string(request.sampling.seed);
    if (request.sampling.temperature > 0)
      messages.note("seed " + seed + " (repeat with --seed " + seed + ")");
  }
  request.prompt = prompt_tokens(*model.tokenizer, model.prompt_prefix, prompt);
  if (prompt.empty()) {
    messages.note("the prompt is empty: starting from the model's " +
                  std::string(model.tokenizer->bos_id() ? "BOS" : "EOS") + " token");
  }
  return request;
}

void print_notice(const GenerateArguments& arguments) {
  if (!arguments.quiet) {
    Messages::plain(notice());
  } else if (!arguments.json) {
    Messages::plain(short_notice());
  }
}

// Writes the notice and the continuations; true if Ctrl-C cut them short.
bool write_continuations(const GenerateArguments& arguments, const Model& model,
                         const std::string& prompt, const Request& request, Backend& backend) {
  const InterruptScope interrupt;
  print_notice(arguments);
  Output output(STDOUT_FILENO);
  GenerateOptions options;
  options.interrupted = &interrupt.flag();
  if (arguments.json) {
    JsonWriter writer(output, prompt, {model.name, model.sha256, backend.info(), request});
    generate(backend, *model.tokenizer, {request}, writer, options);
    writer.finish();
  } else {
    const bool terminal = is_terminal(STDOUT_FILENO);
    const bool color = use_color(color_choice(arguments), STDOUT_FILENO);
    TextWriter writer(output, prompt, request.num_return_sequences,
                      {color, color || terminal, terminal});
    generate(backend, *model.tokenizer, {request}, writer, options);
  }
  return interrupt.interrupted();
}

}  // namespace

int generate_command(const Arguments& words) {
  const GenerateArguments arguments = parse(words);
  const Messages messages(arguments.quiet);
  resolve(arguments, {});  // what the user typed is refused before anything is read or loaded
  const std::string prompt = read_prompt(arguments.text, arguments.prompt_file);
  const Model model = open_model(arguments.model, arguments.tokenizer);
  Request request = make_request(arguments, model, prompt, messages);
  const auto backend =
      open_backend(model, arguments.device.value_or("cpu"), arguments.threads.value_or(0));
  if (model.foreign) {
    messages.note(
        "this TorchScript file keeps no cache, so the whole context is computed at every step; "
        "medgen convert " +
        model.model_pt.string() + " OUT --tokenizer DIR makes a faster model of it");
  }
  fit_prompt(request, arguments.truncate_prompt, backend->info().n_positions, messages);
  return write_continuations(arguments, model, prompt, request, *backend) ? kExitInterrupted
                                                                          : kExitFine;
}

}  // namespace medgen::cli
