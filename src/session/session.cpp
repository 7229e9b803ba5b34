// The loop: lines are read, texts are made and kept. The commands are in session_commands.cpp.
#include "session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "base/refuse.h"
#include "engine/settings.h"
#include "medgen/version.h"
#include "session/generation.h"
#include "terminal/wrap.h"
#include "text/visible.h"

namespace medgen::session {
namespace {

// Why a text ended, where that is of use.
std::string_view note_of(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
    case FinishReason::kStop:
      return {};
    case FinishReason::kInterrupted:
      return "stopped";
    default:
      return to_string(reason);
  }
}

// Where only the form has special tokens, the user's words must not.
void refuse_specials(const Tokenizer& tokenizer, const std::string& text) {
  if (tokenizer.encode(text, Specials::kParse) == tokenizer.encode(text)) return;
  base::refuse(
      "the text holds the spelling of a special token, and the task's form is read with special "
      "tokens: take it out");
}

}  // namespace

Session::Session(SessionModel model, Backend& backend, SessionAsked asked, Console& console)
    : model_(std::move(model)),
      backend_(backend),
      asked_(std::move(asked)),
      console_(console),
      settings_(asked_.given, model_.defaults) {}

Session::~Session() { forget(); }

Session::End Session::run() {
  greet();
  while (!hung_up_) {
    terminal::Line line = console_.read(initial_, asked_.clear_after);
    wipe(initial_);
    const bool goes_on = take_line(line);
    wipe(line.text);
    if (!goes_on) break;
  }
  forget();
  if (hung_up_) console_.clear();
  return hung_up_ ? End::kHangUp : End::kAsked;
}

void Session::greet() {
  say(
      fmt::format("medgen {} · model {} ({}) · machine-generated text, may be wrong, research "
                  "only; a clinician decides",
                  version(), model_.name, parameters_in_words(model_.parameters)));
  say(
      fmt::format("Nothing you type is kept{}. Enter continues your text, /help lists the rest, "
                  "Ctrl-D ends.",
                  asked_.save_folder.empty() ? "" : " but what you /save"));
  if (!asked_.task.empty()) say(find_template(model_.templates, asked_.task).notice);
}

bool Session::take_line(terminal::Line& line) {
  using Kind = terminal::Line::Kind;
  switch (line.kind) {
    case Kind::kEnd:
      return false;
    case Kind::kHangUp:
      hung_up_ = true;
      return false;
    case Kind::kInterrupted:
      fork_.reset();
      return true;
    case Kind::kIdle:
      forget();
      clear();
      say("Nothing was typed for a while: the texts are forgotten and the screen is cleared.");
      return true;
    case Kind::kText:
      break;
  }
  try {
    if (take_choice(line.text)) return true;
    Input input = read_input(line.text);
    if (input.kind == Input::Kind::kText) take_text(input.text);
    const bool goes_on = input.kind != Input::Kind::kCommand || obey(input);
    wipe(input.text);
    wipe(input.words);
    return goes_on;
  } catch (const Error& error) {
    say(without_backticks(error.what()));
  }
  return true;
}

void Session::take_text(const std::string& text) { answer({text, {}, asked_.task}); }

void Session::answer(const Beginning& beginning, std::optional<std::uint64_t> seed) {
  auto made = std::make_unique<Answer>(beginning);
  prepare(*made, seed);
  make_texts(*made);
  if (!made->completions.empty()) answers_.push_back(std::move(made));
}

void Session::prepare(Answer& answer, std::optional<std::uint64_t> seed) const {
  DecodingSettings settings = settings_.resolved();
  const Beginning& beginning = answer.beginning;
  answer.prompt = beginning.typed;
  if (!beginning.task.empty()) {
    const TaskTemplate& task = find_template(model_.templates, beginning.task);
    if (task.specials) refuse_specials(*model_.tokenizer, beginning.typed + beginning.carried);
    answer.specials = task.specials;
    answer.prompt = fill(task, beginning.typed);
    engine::add_texts(task, settings);
  }
  answer.prompt += beginning.carried;
  if (seed) {
    settings.sampling.seed = *seed;
  } else if (!settings_.has_seed()) {
    settings.sampling.seed = base::system_seed();
  }
  validate(settings);
  Request& request = answer.request;
  request.prompt =
      model_.prompt_tokens(answer.prompt, answer.specials ? Specials::kParse : Specials::kAsText);
  request.num_return_sequences = settings.num_return_sequences;
  request.sampling = settings.sampling;
  request.stopping = settings.stopping;
  engine::resolve_texts(request.sampling, *model_.tokenizer);
  validate(request, "the text", backend_.info(), *model_.tokenizer);
}

void Session::make_texts(Answer& answer) {
  console_.begin_texts();
  terminal::Blocks blocks(console_, answer.beginning.typed, answer.request.num_return_sequences,
                          answer.request.sampling.seed, console_.style());
  const std::string& carried = answer.beginning.carried;
  for (int i = 0; !carried.empty() && i < answer.request.num_return_sequences; ++i)
    blocks.on_text(i, carried);
  Generation generation(backend_, *model_.tokenizer, answer.request, [this] { console_.wake(); });
  for (bool ended = false; !ended;) {
    const Console::Happened happened = console_.wait();
    if (happened.hung_up) hung_up_ = true;
    if (happened.interrupted || happened.hung_up) generation.stop();
    if (happened.resized) blocks.resize(console_.style().columns, console_.style().rows);
    if (happened.resumed) blocks.redraw();
    for (Event& event : generation.take(ended)) {
      if (event.end) {
        blocks.finish(event.index, note_of(*event.end));
      } else {
        blocks.on_text(event.index, event.piece);
      }
      wipe(event.piece);
    }
  }
  blocks.end();
  answer.completions = generation.finish();
}

void Session::show(const Answer& answer) {
  const int count = answer.request.num_return_sequences;
  terminal::Blocks blocks(console_, answer.beginning.typed, count, answer.request.sampling.seed,
                          console_.style());
  for (int i = 0; i < count; ++i) {
    const Completion* completion = answer.continuation(i + 1);
    if (!answer.beginning.carried.empty()) blocks.on_text(i, answer.beginning.carried);
    if (completion != nullptr && !completion->text.empty()) blocks.on_text(i, completion->text);
    blocks.finish(i, completion == nullptr ? "stopped" : note_of(completion->finish_reason));
  }
  blocks.end();
}

void Session::forget() {
  answers_.clear();
  fork_.reset();
  wipe(initial_);
  settings_.forget_texts();
  console_.forget_lines();
}

void Session::clear() {
  if (!console_.clear()) say("This terminal cannot be cleared: what it shows stays there.");
}

void Session::say(std::string_view text) {
  const terminal::Style style = console_.style();
  const std::string words = text::visible(text);
  if (style.plain) return console_.write(words + "\n");
  std::string rows;
  for (const terminal::Range& row : terminal::wrap(words, std::max(style.columns, 1)))
    rows += words.substr(row.begin, row.end - row.begin) + "\n";
  console_.write(rows);
}

std::string parameters_in_words(std::int64_t parameters) {
  const auto number = static_cast<double>(parameters);
  if (parameters >= 1'000'000'000) return fmt::format("{:.1f} G", number / 1e9);
  if (parameters >= 1'000'000) return fmt::format("{:.1f} M", number / 1e6);
  return fmt::format("{:.1f} k", number / 1e3);
}

}  // namespace medgen::session
