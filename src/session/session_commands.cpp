// The commands of a session, each as it is typed.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/refuse.h"
#include "session/save.h"
#include "session/session.h"
#include "terminal/wrap.h"
#include "text/visible.h"
#include "why/account.h"
#include "why/agree_tree.h"

namespace medgen::session {
namespace {

constexpr int kAlternatives = 8;
constexpr std::size_t kWordsOfOne = 6;
constexpr std::string_view kReset = "\x1b[0m";

// From green (sure) to red (surprising), as everywhere.
std::string_view colour_of(double probability) {
  if (probability >= 0.5) return "\x1b[1;32m";
  if (probability >= 0.1) return "\x1b[1;36m";
  return probability >= 0.01 ? "\x1b[1;33m" : "\x1b[1;31m";
}

std::string percent(double probability) { return fmt::format("{:.3g}%", 100 * probability); }

std::string numbers_of(const std::vector<int>& members) {
  std::string words;
  for (const int member : members) words += fmt::format("{}{}", words.empty() ? "" : " ", member);
  return words;
}

// Of a text that goes its own way, the first words alone.
std::string words_of_branch(const why::Branch& branch) {
  const bool more = branch.members.size() == 1 && branch.words.size() > kWordsOfOne;
  const std::size_t count = more ? kWordsOfOne : branch.words.size();
  std::string words;
  for (std::size_t i = 0; i < count; ++i) {
    words += i == 0 ? "" : " ";
    words += branch.words[i];
  }
  return more ? words + " …" : words;
}

// Rows of words, none wider than the window, each with the bar of a machine's text.
class ColouredRows {
 public:
  explicit ColouredRows(const terminal::Style& style) : style_(style) {}

  void add(std::string_view word, double probability) {
    std::string shown = text::visible(word);
    if (!style_.color) shown += "(" + percent(probability) + ")";
    const int width = terminal::width_of(shown);
    if (column_ > 0 && column_ + 1 + width > style_.columns - 2) end_row();
    rows_ += column_ == 0 ? "│ " : " ";
    column_ += width + 1;
    rows_ +=
        style_.color ? std::string(colour_of(probability)) + shown + std::string(kReset) : shown;
  }
  std::string take() {
    end_row();
    return std::move(rows_);
  }

 private:
  void end_row() {
    rows_ += "\n";
    column_ = 0;
  }

  terminal::Style style_;
  std::string rows_;
  int column_ = 0;
};

}  // namespace

bool Session::obey(const Input& input) {
  switch (input.command) {
    case CommandKind::kAgain:
      again();
      break;
    case CommandKind::kMore:
      more(input.words[0]);
      break;
    case CommandKind::kUndo:
      undo();
      break;
    case CommandKind::kEdit:
      edit(input);
      break;
    case CommandKind::kFork:
      fork(input);
      break;
    case CommandKind::kAgree:
      agree();
      break;
    case CommandKind::kColour:
      colour();
      break;
    case CommandKind::kWhy:
      show_why(input.words[0]);
      break;
    case CommandKind::kSet:
      set(input);
      break;
    case CommandKind::kSettings:
      settings(input);
      break;
    case CommandKind::kSeed:
      seed(input);
      break;
    case CommandKind::kTask:
      task(input);
      break;
    case CommandKind::kModel:
      say_model();
      break;
    case CommandKind::kSave:
      save(input.words[0]);
      break;
    case CommandKind::kForget:
      forget();
      say("The texts are forgotten, and settings that are texts. The screen still shows them: /new "
          "clears it too.");
      break;
    case CommandKind::kNew:
      forget();
      clear();
      break;
    case CommandKind::kHelp:
      help();
      break;
    case CommandKind::kQuit:
      return false;
  }
  return true;
}

const Answer& Session::last() const {
  if (answers_.empty()) base::refuse("there is no text yet: type one first");
  return *answers_.back();
}

const Completion& Session::continuation(const std::string& number) const {
  const Answer& answer = last();
  const int which = number_among(
      number, static_cast<std::size_t>(answer.request.num_return_sequences), "continuation");
  const Completion* found = answer.continuation(which);
  if (found == nullptr) base::refuse("that continuation was stopped before it began");
  return *found;
}

void Session::again() {
  const Answer& before = last();
  // A seed that was asked for would give the same texts again.
  std::optional<std::uint64_t> seed;
  if (settings_.has_seed()) seed = before.request.sampling.seed + 1;
  answer(Beginning(before.beginning), seed);
}

void Session::more(const std::string& number) {
  const Completion& from = continuation(number);
  const Beginning& before = last().beginning;
  answer({before.typed, before.carried + from.text, before.task});
}

void Session::undo() {
  last();
  answers_.pop_back();
  if (answers_.empty()) {
    say("There is no text before that one.");
  } else {
    show(*answers_.back());
  }
}

void Session::edit(const Input& input) {
  const Beginning& before = last().beginning;
  initial_ = before.typed + before.carried;
  if (!input.words.empty()) initial_ += continuation(input.words[0]).text;
  if (initial_.starts_with('/')) initial_.insert(0, 1, '/');  // still a text when it is read again
}

void Session::fork(const Input& input) {
  const Completion& from = continuation(input.words[0]);
  const Answer& answer = last();
  const std::size_t at = find_word(from.text, input.words[1]);
  Place place = place_before(*model_.tokenizer, from, words_of(from.text)[at]);
  std::vector<TokenId> context = answer.request.prompt;
  context.insert(context.end(), place.tokens.begin(), place.tokens.end());
  const int count = std::min(kAlternatives, backend_.info().max_slots - 1);
  std::vector<Alternative> found = alternatives(backend_, *model_.tokenizer, context, count);
  const Beginning& before = answer.beginning;
  fork_ = std::make_unique<Fork>(Beginning(before.typed, before.carried + place.text, before.task));
  show_mark(fmt::format("machine {} · what else could stand there", input.words[0]));
  std::string rows;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string_view text = found[i].text;
    rows += fmt::format("{}{} {} {}", rows.empty() ? "" : "\n", i + 1,
                        text.substr(std::min(text.find_first_not_of(kBlanks), text.size())),
                        percent(found[i].probability));
  }
  show_machine(rows);
  say("These are the model's own probabilities of how each begins, before temperature and "
      "filters. Type a number to go on from there; anything else leaves it.");
  fork_->alternatives = std::move(found);
  wipe(rows);
  wipe(context);
  wipe(place.tokens);
  wipe(place.text);
}

bool Session::take_choice(const std::string& text) {
  if (!fork_) return false;
  const std::unique_ptr<Fork> chosen = std::exchange(fork_, nullptr);
  const bool digits =
      !text.empty() && text.size() < 3 &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
  const std::size_t number = digits ? std::stoul(text) : 0;
  const bool chose = number >= 1 && number <= chosen->alternatives.size();
  if (chose) {
    const Beginning& before = chosen->before;
    answer({before.typed, before.carried + chosen->alternatives[number - 1].text, before.task});
  }
  return chose;
}

void Session::agree() {
  const Answer& answer = last();
  std::vector<why::AgreeText> texts;
  for (const Completion& completion : answer.completions) texts.push_back({completion.text});
  if (texts.size() < 2) base::refuse("there is one continuation: two or more can agree");
  show_mark(fmt::format("machine · where {} continuations agree and part", texts.size()));
  std::string rows;
  for (const why::Branch& branch : why::branches_of(texts, why::BranchOrder::kAppearance)) {
    std::string words = words_of_branch(branch);
    if (branch.depth == 0 && words.empty()) continue;
    std::vector<int> members;
    for (const int place : branch.members)
      members.push_back(answer.completions[static_cast<std::size_t>(place)].index + 1);
    rows += fmt::format("{}{:{}}{}: {}", rows.empty() ? "" : "\n", "", 2 * branch.depth,
                        numbers_of(members), words.empty() ? "(ends)" : words);
    wipe(words);
  }
  show_machine(rows);
  wipe(rows);
}

void Session::colour() {
  const Answer& answer = last();
  const terminal::Style style = console_.style();
  for (const Completion& completion : answer.completions) {
    const std::vector<double> probabilities =
        word_probabilities(backend_, *model_.tokenizer, answer.request.prompt, completion);
    show_mark(fmt::format("machine {}/{} · how likely each word was", completion.index + 1,
                          answer.request.num_return_sequences));
    const std::vector<why::Span> words = words_of(completion.text);
    ColouredRows rows(style);
    for (std::size_t i = 0; i < words.size(); ++i) {
      rows.add(
          std::string_view(completion.text).substr(words[i].begin, words[i].end - words[i].begin),
          probabilities[i]);
    }
    console_.write(rows.take());
  }
  say(style.color ? "The model's own probabilities, before temperature and filters: green from "
                    "50%, cyan from 10%, yellow from 1%, red below."
                  : "The model's own probabilities, before temperature and filters.");
}

void Session::show_why(const std::string& number) {
  const Completion& from = continuation(number);
  const Request& request = last().request;
  why::AccountOptions options;
  options.seed = request.sampling.seed;
  why::Account account = why::account_for(
      backend_, why::question_of_words(*model_.tokenizer, request.prompt, from.tokens), "word",
      options);
  const terminal::Style style = console_.style();
  show_mark(fmt::format("machine {} · which words of the text led to it", number));
  std::string rows = why::account_text(account, style.columns, style.color);
  console_.write(rows);
  wipe(rows);
  wipe(account);
}

void Session::set(const Input& input) {
  if (input.words.size() == 1) return say(settings_.explanation(input.words[0]));
  settings_.set(input.words[0], input.words[1]);
}

void Session::settings(const Input& input) {
  const bool all = !input.words.empty();
  if (all && input.words[0] != "all") base::refuse("write it as /settings, or /settings all");
  std::string table;
  for (const Settings::Line& line : settings_.lines(all)) {
    table += fmt::format("{}{:<24} {:<20} {}", table.empty() ? "" : "\n", line.name, line.value,
                         line.origin);
  }
  console_.write(text::visible(table) + "\n");
}

void Session::seed(const Input& input) {
  if (!input.words.empty()) {
    return settings_.set("seed", input.words[0] == "off" ? "default" : input.words[0]);
  }
  say(answers_.empty() ? "There is no text yet."
                       : fmt::format("seed {} made the last texts: /seed {} keeps to it",
                                     last().request.sampling.seed, last().request.sampling.seed));
}

void Session::task(const Input& input) {
  if (!input.words.empty() && input.words[0] == "off") return asked_.task.clear();
  if (!input.words.empty() && model_.templates.contains(input.words[0])) {
    asked_.task = input.words[0];
    return say(find_template(model_.templates, asked_.task).notice);
  }
  std::string names;
  for (const auto& [name, form] : model_.templates) names += (names.empty() ? "" : ", ") + name;
  if (!input.words.empty() || names.empty()) {
    base::refuse(names.empty() ? "this model was trained for no tasks"
                               : "the tasks are " + names + ", and off");
  }
  say(fmt::format("{}; there are {}",
                  asked_.task.empty() ? "no task is set" : "the task is " + asked_.task, names));
}

void Session::say_model() {
  const BackendInfo& info = backend_.info();
  say(
      fmt::format("model {}, {} parameters, a context of {} tokens; {}, {}; SHA-256 {}. To use "
                  "another, start a session with --model.",
                  model_.name, parameters_in_words(model_.parameters), info.n_positions, info.name,
                  info.precision, model_.sha256));
}

void Session::save(const std::string& name) {
  if (asked_.save_folder.empty()) {
    base::refuse("this session cannot write: start one with --save-folder DIR to keep texts in it");
  }
  last();
  save_answers(answers_, {model_.name, model_.sha256, backend_.info(), model_.tokenizer},
               asked_.save_folder, name);
  say(fmt::format("{} saved, readable for you alone; medgen reproduce takes the file.",
                  answers_.size() == 1 ? "One text" : fmt::format("{} texts", answers_.size())));
}

void Session::help() {
  std::string table =
      "Type a text and press Enter: it is continued in several ways. A line that begins with a "
      "slash is a command; two slashes begin a text with one.\n";
  for (const CommandInfo& info : command_infos()) {
    const std::string typed =
        fmt::format("/{}{}{}", info.name, info.values.empty() ? "" : " ", info.values);
    table += fmt::format("  {:<19} {}\n", typed, info.summary);
  }
  table +=
      "Alt-Enter, or a backslash at the end, begins a new line. Tab completes commands. Ctrl-C "
      "stops the texts, or clears the line; Ctrl-L clears the screen; Ctrl-D on an empty line "
      "ends.";
  say(table);
}

void Session::show_mark(std::string_view text) {
  const int columns = std::max(console_.style().columns, 1);
  std::string mark = "── " + text::visible(text) + " ";
  for (int width = terminal::width_of(mark); width < std::min(columns, 60); ++width) mark += "─";
  console_.write(mark + "\n");
}

void Session::show_machine(std::string_view text) {
  std::string words = text::visible(text);
  std::string rows;
  for (const terminal::Range& row :
       terminal::wrap(words, std::max(console_.style().columns - 2, 1)))
    rows += "│ " + words.substr(row.begin, row.end - row.begin) + "\n";
  console_.write(rows);
  wipe(words);
  wipe(rows);
}

}  // namespace medgen::session
