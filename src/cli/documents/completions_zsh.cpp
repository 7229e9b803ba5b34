// The script for zsh: a list of _arguments for each command.
#include <fmt/format.h>

#include "cli/documents/completions.h"
#include "medgen/version.h"

namespace medgen::cli {
namespace {

constexpr std::string_view kZshHelpers = R"zsh(
# Words with commas between them.
_medgen_listed() {
  compset -P '*,'
  compadd -q -S , -- "$@"
}

# A word and an =, behind which anything goes.
_medgen_assigned() {
  if compset -P '*='; then _message value; else compadd -S = -- "$@"; fi
}

# Folders, which a model is or lies in, files of TorchScript, and the models that are installed.
_medgen_models() {
  local -a installed=(${commands[medgen]:A:h:h}/share/medgen/models/*(N/))
  (( $#installed )) && compadd -f -- $installed
  _path_files -g '*.pt(-.)'
  _path_files -/
}
)zsh";

constexpr std::string_view kZshMain = R"zsh(
_medgen() {
  local command= i
  for (( i = 2; i < CURRENT; ++i )); do
    case $words[i] in
      --) break ;;
      --*=*) ;;
      -*) (( ${_medgen_with_value[(Ie)${words[i]//_/-}]} )) && (( ++i )) ;;
      *) command=$words[i]; break ;;
    esac
  done
  if [[ -z $command && $PREFIX != -* && $i -eq $CURRENT && $words[i-1] != -- ]]; then
    _describe -t commands 'command of medgen' _medgen_commands
  fi
  if (( $+functions[_medgen_$command] && i < CURRENT )); then
    # As if the options before it stood behind it.
    words[i]=()
    (( --CURRENT ))
    _medgen_$command
  else
    _medgen_generate
  fi
}

if [[ $funcstack[1] == _medgen ]]; then
  _medgen "$@"
else
  compdef _medgen medgen
fi
)zsh";

// Within single quotes; `special` are what _arguments and _describe take for their own.
std::string zsh_quoted(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != special.npos) out += '\\';
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out;
}

std::string zsh_action(const OptionShape& option) {
  const std::string words = in_one(option.words);
  switch (completed_by(option)) {
    case Completed::kWords:
      return "(" + words + ")";
    case Completed::kListed:
      return "{_medgen_listed " + words + "}";
    case Completed::kAssigned:
      return "{_medgen_assigned " + words + "}";
    case Completed::kFiles:
      return "_files";
    case Completed::kFolders:
      return "_files -/";
    case Completed::kModels:
      return "{_medgen_models}";
    case Completed::kNothing:
      break;
  }
  return " ";
}

std::string message_and_action(const OptionShape& option) {
  return ":" + zsh_quoted(option.metavar, ":\\") + ":" + zsh_action(option);
}

// "'(--settings)*--grid=[Values of one setting]:SETTING=VALUE,...:{...}'"
std::string zsh_option(const OptionShape& option) {
  const std::string described = "[" + zsh_quoted(brief(option), "[]:\\") + "]" +
                                (option.flag ? "" : message_and_action(option));
  const std::string value = option.flag ? "" : "=";
  if (option.many) return fmt::format("'*{}{}{}'", option.name, value, described);
  std::string excluded;
  for (const std::string& other : option.excludes) {
    if (other.starts_with('-')) excluded += " " + other;
  }
  if (option.letter == 0) {
    const std::string list = excluded.empty() ? "" : "(" + excluded.substr(1) + ")";
    return fmt::format("'{}{}{}{}'", list, option.name, value, described);
  }
  return fmt::format("'(-{0} {1}{2})'{{-{0}{3},{1}{4}}}'{5}'", option.letter, option.name, excluded,
                     option.flag ? "" : "+", value, described);
}

std::string zsh_command(const CompletedCommand& command) {
  std::string text = fmt::format("\n_medgen_{}() {{\n  _arguments -S", command.name);
  int place = 0;
  for (const OptionShape& option : command.shape.options) {
    if (!option.positional) {
      text += " \\\n    " + zsh_option(option);
    } else if (option.many) {
      text += " \\\n    '*" + message_and_action(option) + "'";
    } else {
      text += fmt::format(" \\\n    '{}{}{}'", ++place, option.required ? "" : ":",
                          message_and_action(option));
    }
  }
  return text + "\n}\n";
}

}  // namespace

std::string zsh_completions(const std::vector<CompletedCommand>& commands) {
  std::string text = fmt::format(
      "#compdef medgen\n# Completions of medgen {} for zsh, made by `medgen completions zsh`.\n",
      version());
  text += kZshHelpers;
  text += "\ntypeset -ga _medgen_commands=(\n";
  for (const CompletedCommand& command : commands) {
    text += fmt::format("  '{}:{}'\n", command.name, zsh_quoted(command.summary, ":\\"));
  }
  text += ")\ntypeset -ga _medgen_with_value=(" + in_one(options_with_value(commands)) + ")\n";
  for (const CompletedCommand& command : commands) text += zsh_command(command);
  return text + std::string(kZshMain);
}

}  // namespace medgen::cli
