// Scripts with which bash, zsh and fish complete command lines of medgen. All of them are made from
// the table of commands and from what each declares, and run no program.
#pragma once

#include <string>
#include <vector>

#include "cli/options/command_shape.h"

namespace medgen::cli {

struct CompletedCommand {
  std::string name;     // "batch"
  std::string summary;  // as help lists it
  CommandShape shape;
};

std::vector<CompletedCommand> completed_commands();

std::string bash_completions(const std::vector<CompletedCommand>& commands);
std::string zsh_completions(const std::vector<CompletedCommand>& commands);
std::string fish_completions(const std::vector<CompletedCommand>& commands);

// ---- what the three share ----

// What the value of an option, or a positional, is completed to.
enum class Completed {
  kNothing,  // a text, a number
  kWords,
  kListed,    // words with commas between them
  kAssigned,  // a word and an =
  kFiles,
  kFolders,
  kModels
};
Completed completed_by(const OptionShape& option);

// The first sentence of its help, short enough for a line beside it.
std::string brief(const OptionShape& option);

// The first that is completed, or nothing.
const OptionShape* first_positional(const CommandShape& shape);

// With blanks, or what `between` is, between them.
std::string in_one(const std::vector<std::string>& words, const std::string& between = " ");

// An option, and the commands in which it is completed and described alike.
struct SharedOption {
  OptionShape option;
  std::vector<std::string> commands;
  bool everywhere = false;  // no command has another option of that name
};
std::vector<SharedOption> shared_options(const std::vector<CompletedCommand>& commands);

// Every option that takes a value, letters too: "-o", "--output".
std::vector<std::string> options_with_value(const std::vector<CompletedCommand>& commands);

}  // namespace medgen::cli
