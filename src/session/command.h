// What a typed line is: a text, or a command. Knows how commands are called and what may follow
// them, not what they do. No message holds any of the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::session {

enum class CommandKind {
  kAgain,
  kMore,
  kUndo,
  kEdit,
  kFork,
  kAgree,
  kColour,
  kWhy,
  kSet,
  kSettings,
  kSeed,
  kTask,
  kModel,
  kSave,
  kForget,
  kNew,
  kHelp,
  kQuit
};

struct CommandInfo {
  CommandKind kind;
  std::string_view name;    // "more"
  std::string_view values;  // as help shows them: "N"; what is in brackets may be left out
  int least = 0, most = 0;  // words that follow; a last word may hold blanks where most is 2
  std::string_view summary;
};

const std::vector<CommandInfo>& command_infos();

struct Input {
  enum class Kind { kNothing, kText, kCommand };
  Kind kind = Kind::kNothing;
  std::string text = {};                     // of kText
  CommandKind command = CommandKind::kHelp;  // of kCommand
  std::vector<std::string> words = {};       // that follow it
};

// A slash at the very beginning makes a command, two are the text of one; blanks alone are nothing;
// everything else is a text as it stands. Throws Error(kUsage) for a command that there is not, or
// not like that.
Input read_input(std::string_view line);

// From 1. Throws Error(kUsage) saying what `what` may be where `word` is none of 1 to `most`.
int number_among(std::string_view word, std::size_t most, std::string_view what);

}  // namespace medgen::session
