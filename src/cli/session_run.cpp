// See the header.
#include "cli/session_run.h"

#include <unistd.h>

#include <algorithm>

#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "cli/wiped_memory.h"
#include "jobs/model_files.h"
#include "medgen/model.h"
#include "safety/sandbox.h"
#include "session/session.h"

namespace medgen::cli {
namespace {

// Enough for several continuations, and for the alternatives at a word.
constexpr int kLeastSlots = 16;
constexpr int kMostSlots = 64;

session::SessionModel model_of(const Model& model, Templates templates) {
  session::SessionModel made;
  made.name = model.name();
  made.sha256 = model.sha256();
  made.parameters = model.config().parameter_count();
  made.tokenizer = &model.tokenizer();
  made.templates = std::move(templates);
  made.defaults = model.files().defaults;
  made.prompt_tokens = [&model](std::string_view text, Specials specials) {
    return model.prompt_tokens(text, specials);
  };
  return made;
}

// The first step costs more than others: weights are mapped then.
void warm_up(Backend& backend) {
  const int slot = backend.acquire_slot();
  const Row row{slot, 0, 0, true};
  backend.step({&row, 1});
  backend.release_slot(slot);
}

}  // namespace

int run_session(const SessionArguments& arguments) {
  safety::forbid_core_dumps();  // outside the sandbox too
  wipe_freed_memory();
  const Messages messages;
  check(arguments);
  const Model model = Model::open(
      arguments.model ? *arguments.model : jobs::default_model().string(), arguments.tokenizer);
  note_all(model.notes(), messages);
  const DecodingSettings settings = resolve(arguments.decoding, model.files().defaults);
  session::SessionAsked asked;
  asked.given = given_settings(arguments.decoding);
  asked.task = arguments.task.task.value_or("");
  asked.clear_after = clear_after(arguments);
  asked.save_folder = arguments.save_folder.value_or("");
  const Templates templates = known_templates(arguments.task, model.templates());
  if (!asked.task.empty()) find_template(templates, asked.task);  // throws
  BackendOptions options = resolve(arguments.backend, messages);
  options.max_slots =
      std::clamp(std::max(settings.num_return_sequences, settings.sampling.num_beams), kLeastSlots,
                 kMostSlots);
  Generator generator(model, options);
  warm_up(generator.backend());

  terminal::Screen screen(STDIN_FILENO, STDOUT_FILENO);
  terminal::Signals signals(screen);
  terminal::LineEditor editor(
      screen, signals,
      {.plain = arguments.plain, .prompt = "text> ", .complete = [&](std::string_view before) {
         return session::completions(before, templates, asked.save_folder);
       }});
  const bool color = !editor.plain() &&
                     use_color(color_choice(arguments.color, arguments.no_color), STDOUT_FILENO);
  finish_loading(asked.save_folder.empty() ? safety::Writes::kNothing : safety::Writes::kAsBefore);
  session::TerminalConsole console(screen, signals, editor, color);
  session::Session session(model_of(model, templates), generator.backend(), asked, console);
  return session.run() == session::Session::End::kHangUp ? kExitInterrupted : kExitFine;
}

}  // namespace medgen::cli
