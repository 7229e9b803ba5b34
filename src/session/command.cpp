// See the header.
#include "session/command.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/refuse.h"
#include "session/words.h"

namespace medgen::session {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// At most `most`, of which the last has the rest of the text.
std::vector<std::string> split_words(std::string_view text, int most) {
  std::vector<std::string> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const bool rest = static_cast<int>(words.size()) + 1 == most;
    const std::size_t end = rest ? text.size() : text.find_first_of(kBlanks);
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end, text.size()));
  }
  return words;
}

const CommandInfo& find_command(std::string_view name) {
  for (const CommandInfo& info : command_infos()) {
    if (info.name == name || (info.kind == CommandKind::kColour && name == "color")) return info;
  }
  base::refuse("there is no such command: /help lists them, and // begins a text with a slash");
}

std::string usage_of(const CommandInfo& info) {
  if (info.most == 0) return fmt::format("/{} takes nothing after it", info.name);
  return fmt::format("write it as /{} {}", info.name, info.values);
}

}  // namespace

const std::vector<CommandInfo>& command_infos() {
  static const std::vector<CommandInfo> kCommands = {
      {CommandKind::kAgain, "again", "", 0, 0, "continue the same text in other ways"},
      {CommandKind::kMore, "more", "N", 1, 1, "go on with continuation N"},
      {CommandKind::kUndo, "undo", "", 0, 0, "go back to the text before"},
      {CommandKind::kEdit, "edit", "[N]", 0, 1, "change the text, with continuation N if given"},
      {CommandKind::kFork, "fork", "N WORD", 2, 2,
       "what else could stand at a word of continuation N: the word, or its place"},
      {CommandKind::kAgree, "agree", "", 0, 0, "where the continuations agree and part"},
      {CommandKind::kColour, "colour", "", 0, 0, "how likely the model found each word"},
      {CommandKind::kWhy, "why", "N", 1, 1, "which words of the text led to continuation N"},
      {CommandKind::kSet, "set", "NAME [VALUE]", 1, 2,
       "change a setting; default takes it back, no value explains it"},
      {CommandKind::kSettings, "settings", "[all]", 0, 1, "the settings and where they come from"},
      {CommandKind::kSeed, "seed", "[N or off]", 0, 1,
       "keep to one seed, or draw one for each text (off)"},
      {CommandKind::kTask, "task", "[NAME or off]", 0, 1,
       "put texts into the form of a task, or not (off)"},
      {CommandKind::kModel, "model", "", 0, 0, "what model this is"},
      {CommandKind::kSave, "save", "FILE", 1, 1,
       "keep texts and continuations in a new file, for medgen reproduce"},
      {CommandKind::kForget, "forget", "", 0, 0, "forget all texts, also those that were set"},
      {CommandKind::kNew, "new", "", 0, 0,
       "the next patient: forget all texts, clear the screen and what was scrolled off it"},
      {CommandKind::kHelp, "help", "", 0, 0, "this list"},
      {CommandKind::kQuit, "quit", "", 0, 0, "end the session, as Ctrl-D does"},
  };
  return kCommands;
}

Input read_input(std::string_view line) {
  if (trimmed(line).empty()) return {};
  if (!line.starts_with('/')) return {.kind = Input::Kind::kText, .text = std::string(line)};
  if (line.starts_with("//"))
    return {.kind = Input::Kind::kText, .text = std::string(line.substr(1))};
  line.remove_prefix(1);
  const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
  const CommandInfo& info = find_command(line.substr(0, end));
  // One word too many is looked for, except behind a name, where the rest is its value.
  const int most = info.most == 2 ? 2 : info.most + 1;
  Input input{.kind = Input::Kind::kCommand, .command = info.kind};
  input.words = split_words(line.substr(end), most);
  const int count = static_cast<int>(input.words.size());
  if (count < info.least || count > info.most) base::refuse(usage_of(info));
  return input;
}

int number_among(std::string_view word, std::size_t most, std::string_view what) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size() || number < 1 || number > most) {
    base::refuse(most == 1 ? fmt::format("there is one {}: give 1", what)
                           : fmt::format("give the number of a {}, from 1 to {}", what, most));
  }
  return static_cast<int>(number);
}

}  // namespace medgen::session
