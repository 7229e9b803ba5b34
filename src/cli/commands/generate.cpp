// `medgen generate`: from a prompt to continuations on standard output.
// The parts are elsewhere; here is only their order.
#include "medgen/generate.h"

#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/generate_run.h"
#include "cli/options/command_line.h"
#include "cli/options/generate_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/session_run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/text_writer.h"
#include "jobs/identifier_watch.h"
#include "medgen/model.h"
#include "records/writer.h"

namespace medgen::cli {
namespace {

GenerateArguments parse_generate(const Arguments& words, bool may_be_session) {
  GenerateArguments arguments;
  CommandLine line(
      "medgen generate",
      "Continues a text, such as a sentence about symptoms, in several ways. This is also what "
      "medgen does when no command is named.");
  declare(line, arguments);
  line.edits_lines([&] { return may_be_session && asks_for_session(arguments); });
  line.parse(words);
  return arguments;
}

// Shows every text to two: the one who writes it, and the one who looks for identifiers in it.
class WatchedTexts : public GenerationObserver {
 public:
  WatchedTexts(GenerationObserver& writer, jobs::PromptIdentifiers& identifiers)
      : writer_(writer), identifiers_(identifiers) {}

  void on_text(std::uint64_t request_id, int index, std::string_view piece) override {
    writer_.on_text(request_id, index, piece);
  }
  void on_finish(std::uint64_t request_id, const Completion& completion) override {
    writer_.on_finish(request_id, completion);
    identifiers_.watch_text(completion);
  }

 private:
  GenerationObserver& writer_;
  jobs::PromptIdentifiers& identifiers_;
};

// Writes the notice and the continuations; true if Ctrl-C cut them short.
bool write_continuations(const GenerateArguments& arguments, GenerateRun& run, Backend& backend) {
  const InterruptScope interrupt;
  print_notice(arguments, run);
  Output output(STDOUT_FILENO);
  GenerateOptions options;
  options.interrupted = &interrupt.flag();
  const Tokenizer& tokenizer = run.model.tokenizer();
  if (arguments.json) {
    GatheredCompletions gathered;
    generate(backend, tokenizer, {run.request}, gathered, options);
    const records::Writer writer(
        {run.model.name(), run.model.sha256(), backend.info(), &tokenizer});
    records::Record record;
    record.id = run.request.id;
    record.prompt = run.prompt.text;
    record.prompt_ids = run.prompt.ids;
    record.specials = run.prompt.specials;
    record.request = run.request;
    record.completions = std::move(gathered).in_order();
    for (const Completion& completion : record.completions) run.identifiers.watch_text(completion);
    run.identifiers.mark(record);
    output.write(writer.write(record, records::Form::kJson));
    output.flush();
  } else {
    const bool terminal = is_terminal(STDOUT_FILENO);
    const bool color = use_color(color_choice(arguments), STDOUT_FILENO);
    TextWriter writer(output, run.prompt.text, run.request.num_return_sequences,
                      {color, color || terminal, terminal, &tokenizer});
    WatchedTexts watched(writer, run.identifiers);
    generate(backend, tokenizer, {run.request}, watched, options);
  }
  return interrupt.interrupted();
}

int run_generate(const GenerateArguments& arguments) {
  const Messages messages(arguments.quiet);
  GenerateRun run = prepare_run(arguments, messages);
  Generator generator = open_generator(arguments, run, messages, safety::Writes::kNothing);
  const bool interrupted = write_continuations(arguments, run, generator.backend());
  if (const std::string found = run.identifiers.summary(); !found.empty()) messages.note(found);
  return interrupted ? kExitInterrupted : kExitFine;
}

}  // namespace

int unnamed_command(const Arguments& words) {
  const GenerateArguments arguments = parse_generate(words, true);
  if (asks_for_session(arguments)) return run_session(session_arguments(arguments));
  return run_generate(arguments);
}

int generate_command(const Arguments& words) { return run_generate(parse_generate(words, false)); }

}  // namespace medgen::cli
