// `medgen generate`: from a prompt to continuations on standard output.
// The parts are elsewhere; here is only their order.
#include "medgen/generate.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "base/random.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/options/generate_options.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/session_run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/text_writer.h"
#include "engine/settings.h"
#include "jobs/identifier_watch.h"
#include "jobs/model_files.h"
#include "medgen/model.h"
#include "records/writer.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

// More sequences at once gain little and need memory for their caches.
constexpr int kMaxSlots = 64;

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

void fit_prompt(Request& request, bool truncate, int n_positions, const Messages& messages) {
  if (!truncate) return;  // generate() refuses what does not fit
  const int length = static_cast<int>(request.prompt.size());
  const int kept = jobs::kept_prompt_tokens(length, n_positions, request.stopping);
  if (kept == length) return;
  request.prompt.erase(request.prompt.begin(), request.prompt.end() - kept);
  messages.note(fmt::format("the prompt was too long: its first {} of {} tokens were dropped",
                            length - kept, length));
}

// What is continued: a text, or the ids of tokens and what they spell.
struct GeneratePrompt {
  std::string text;
  std::vector<TokenId> ids;
  bool specials = false;  // the text's special tokens are read as such

  std::vector<TokenId> tokens(const Model& model) const {
    if (!ids.empty()) return ids;
    return model.prompt_tokens(text, specials ? Specials::kParse : Specials::kAsText);
  }
};

GeneratePrompt asked_prompt(const GenerateArguments& arguments, const Messages& messages) {
  if (arguments.prompt_ids) return {{}, read_prompt_ids(*arguments.prompt_ids)};
  std::string text = read_prompt(arguments.text, arguments.prompt_file, messages);
  if (!arguments.task.task) note_blank_at_end(text, messages);
  if (arguments.text) note_text_on_command_line(messages);
  return {std::move(text), {}, arguments.specials};
}

// Puts the text into its form. Where only the form has special tokens, the user's words must not.
void fill_form(GeneratePrompt& prompt, const TaskTemplate& task, const Tokenizer& tokenizer) {
  if (task.specials && !prompt.specials) {
    if (tokenizer.encode(prompt.text, Specials::kParse) != tokenizer.encode(prompt.text)) {
      base::refuse(
          "the text holds the spelling of a special token, and the task's form is read with "
          "special "
          "tokens: take it out, or give `specials` if you mean the token");
    }
    prompt.specials = true;
  }
  prompt.text = fill(task, prompt.text);
}

void write_ids_out(GeneratePrompt& prompt, const Tokenizer& tokenizer) {
  if (prompt.ids.empty()) return;
  engine::check_prompt_ids(prompt.ids, "prompt-ids", tokenizer.vocab_size());
  prompt.text = tokenizer.decode(prompt.ids);
}

Request make_request(const GenerateArguments& arguments, const Model& model,
                     const std::optional<TaskTemplate>& task, const GeneratePrompt& prompt,
                     jobs::PromptIdentifiers& identifiers, const Messages& messages) {
  DecodingSettings settings = resolve(arguments, model.files().defaults);
  identifiers.watch_settings(settings.sampling, model.tokenizer());
  if (task) engine::add_texts(*task, settings);
  if (!arguments.decoding.given.contains("seed")) {
    settings.sampling.seed = base::system_seed();
    if (settings.sampling.temperature > 0)
      messages.note(fmt::format("seed {0} (repeat with --seed {0})", settings.sampling.seed));
  }
  Request request = model.request(prompt.tokens(model), settings);
  if (prompt.ids.empty() && prompt.text.empty()) {
    messages.note(fmt::format("the prompt is empty: starting from the model's {} token",
                              model.tokenizer().bos_id() ? "BOS" : "EOS"));
  }
  return request;
}

void print_notice(const GenerateArguments& arguments, const std::string& task_notice) {
  if (!arguments.quiet) {
    Messages::plain(safety::notice());
  } else if (!arguments.json) {
    Messages::plain(safety::short_notice());
  }
  if (!task_notice.empty() && !(arguments.quiet && arguments.json)) Messages::plain(task_notice);
}

// The completions of one request.
class GatheredCompletions : public GenerationObserver {
 public:
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t, const Completion& completion) override {
    completions_.push_back(completion);
  }
  std::vector<Completion> in_order() && {
    std::sort(completions_.begin(), completions_.end(),
              [](const Completion& a, const Completion& b) { return a.index < b.index; });
    return std::move(completions_);
  }

 private:
  std::vector<Completion> completions_;
};

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
bool write_continuations(const GenerateArguments& arguments, const Model& model,
                         const GeneratePrompt& prompt, const Request& request, Backend& backend,
                         jobs::PromptIdentifiers& identifiers, const std::string& task_notice) {
  const InterruptScope interrupt;
  print_notice(arguments, task_notice);
  Output output(STDOUT_FILENO);
  GenerateOptions options;
  options.interrupted = &interrupt.flag();
  if (arguments.json) {
    GatheredCompletions gathered;
    generate(backend, model.tokenizer(), {request}, gathered, options);
    const records::Writer writer(
        {model.name(), model.sha256(), backend.info(), &model.tokenizer()});
    records::Record record;
    record.id = request.id;
    record.prompt = prompt.text;
    record.prompt_ids = prompt.ids;
    record.specials = prompt.specials;
    record.request = request;
    record.completions = std::move(gathered).in_order();
    for (const Completion& completion : record.completions) identifiers.watch_text(completion);
    identifiers.mark(record);
    output.write(writer.write(record, records::Form::kJson));
    output.flush();
  } else {
    const bool terminal = is_terminal(STDOUT_FILENO);
    const bool color = use_color(color_choice(arguments), STDOUT_FILENO);
    TextWriter writer(output, prompt.text, request.num_return_sequences,
                      {color, color || terminal, terminal, &model.tokenizer()});
    WatchedTexts watched(writer, identifiers);
    generate(backend, model.tokenizer(), {request}, watched, options);
  }
  return interrupt.interrupted();
}

int run_generate(const GenerateArguments& arguments) {
  const Messages messages(arguments.quiet);
  check(arguments);
  GeneratePrompt prompt = asked_prompt(arguments, messages);
  const Model model = Model::open(
      arguments.model ? *arguments.model : jobs::default_model().string(), arguments.tokenizer);
  note_all(model.notes(), messages);
  const std::optional<TaskTemplate> task = task_template(arguments.task, model.templates());
  jobs::PromptIdentifiers identifiers(
      safety::identifier_action(arguments.identifiers.value_or("off")));
  if (prompt.ids.empty()) identifiers.watch_prompt(prompt.text);
  if (task) fill_form(prompt, *task, model.tokenizer());
  write_ids_out(prompt, model.tokenizer());
  if (!prompt.ids.empty()) identifiers.watch_spelled_ids(prompt.text);
  Request request = make_request(arguments, model, task, prompt, identifiers, messages);
  BackendOptions options = resolve(arguments.backend, messages);
  // Guidance takes two, beam search one for each beam.
  options.max_slots =
      std::clamp(std::max(request.num_return_sequences, request.sampling.num_beams), 2, kMaxSlots);
  Generator generator(model, options);
  finish_loading(safety::Writes::kNothing);
  if (!model.files().not_gpt2.empty()) {
    messages.note(
        "the code in this file keeps no cache, so the whole context is computed at every step");
  }
  fit_prompt(request, arguments.truncate_prompt, generator.backend().info().n_positions, messages);
  const bool interrupted =
      write_continuations(arguments, model, prompt, request, generator.backend(), identifiers,
                          task ? task->notice : "");
  if (const std::string found = identifiers.summary(); !found.empty()) messages.note(found);
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
