// See the header.
#include "cli/generate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "base/refuse.h"
#include "cli/prompt.h"
#include "cli/sandbox.h"
#include "engine/settings.h"
#include "jobs/model_files.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

// More sequences at once gain little and need memory for their caches.
constexpr int kMaxSlots = 64;

void fit_prompt(Request& request, bool truncate, int n_positions, const Messages& messages) {
  if (!truncate) return;  // generate() refuses what does not fit
  const int length = static_cast<int>(request.prompt.size());
  const int kept = jobs::kept_prompt_tokens(length, n_positions, request.stopping);
  if (kept == length) return;
  request.prompt.erase(request.prompt.begin(), request.prompt.end() - kept);
  messages.note(fmt::format("the prompt was too long: its first {} of {} tokens were dropped",
                            length - kept, length));
}

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

}  // namespace

std::vector<TokenId> GeneratePrompt::tokens(const Model& model) const {
  if (!ids.empty()) return ids;
  return model.prompt_tokens(text, specials ? Specials::kParse : Specials::kAsText);
}

GenerateRun prepare_run(const GenerateArguments& arguments, const Messages& messages) {
  check(arguments);
  GeneratePrompt prompt = asked_prompt(arguments, messages);
  Model model = Model::open(arguments.model ? *arguments.model : jobs::default_model().string(),
                            arguments.tokenizer);
  note_all(model.notes(), messages);
  std::optional<TaskTemplate> task = task_template(arguments.task, model.templates());
  jobs::PromptIdentifiers identifiers(
      safety::identifier_action(arguments.identifiers.value_or("off")));
  if (prompt.ids.empty()) identifiers.watch_prompt(prompt.text);
  if (task) fill_form(prompt, *task, model.tokenizer());
  write_ids_out(prompt, model.tokenizer());
  if (!prompt.ids.empty()) identifiers.watch_spelled_ids(prompt.text);
  Request request = make_request(arguments, model, task, prompt, identifiers, messages);
  return {std::move(prompt), std::move(model), std::move(task), std::move(identifiers),
          std::move(request)};
}

Generator open_generator(const GenerateArguments& arguments, GenerateRun& run,
                         const Messages& messages, safety::Writes writes) {
  BackendOptions options = resolve(arguments.backend, messages);
  // Guidance takes two, beam search one for each beam.
  options.max_slots = std::clamp(
      std::max(run.request.num_return_sequences, run.request.sampling.num_beams), 2, kMaxSlots);
  Generator generator(run.model, options);
  finish_loading(writes);
  if (!run.model.files().not_gpt2.empty()) {
    messages.note(
        "the code in this file keeps no cache, so the whole context is computed at every step");
  }
  fit_prompt(run.request, arguments.truncate_prompt, generator.backend().info().n_positions,
             messages);
  return generator;
}

void print_notice(const GenerateArguments& arguments, const GenerateRun& run) {
  if (!arguments.quiet) {
    Messages::plain(safety::notice());
  } else if (!arguments.json) {
    Messages::plain(safety::short_notice());
  }
  if (run.task && !run.task->notice.empty() && !(arguments.quiet && arguments.json))
    Messages::plain(run.task->notice);
}

std::vector<Completion> GatheredCompletions::in_order() && {
  std::sort(completions_.begin(), completions_.end(),
            [](const Completion& a, const Completion& b) { return a.index < b.index; });
  return std::move(completions_);
}

}  // namespace medgen::cli
