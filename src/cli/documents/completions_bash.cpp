// The script for bash.
#include <fmt/format.h>

#include <map>

#include "cli/documents/completions.h"
#include "medgen/version.h"

namespace medgen::cli {
namespace {

constexpr std::string_view kBashHelpers = R"bash(
# Each makes COMPREPLY of what `cur` may become.
_medgen_words() { mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur"); }

_medgen_listed() {
  local begun=${cur%"${cur##*,}"}
  mapfile -t COMPREPLY < <(compgen -P "$begun" -W "$*" -- "${cur##*,}")
  compopt -o nospace 2>/dev/null
}

_medgen_assigned() {
  mapfile -t COMPREPLY < <(compgen -S = -W "$*" -- "$cur")
  compopt -o nospace 2>/dev/null
}

_medgen_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_medgen_folders() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$cur")
}

# Folders, which a model is or lies in, files of TorchScript, and the models that are installed.
_medgen_models() {
  local program installed
  program=$(type -P medgen) && installed=$(readlink -f -- "$program")
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(
    compgen -d -- "$cur"
    compgen -f -X '!*.pt' -- "$cur"
    compgen -d -- "${installed%/bin/*}/share/medgen/models/" | while IFS= read -r model; do
      [[ $model == "$cur"* ]] && printf '%s\n' "$model"
    done
  )
}
)bash";

constexpr std::string_view kBashMain = R"bash(
_medgen() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} begun='' command='' texts='' i
  COMPREPLY=()
  # bash takes --task=advice apart at the =, unless COMP_WORDBREAKS says otherwise.
  if [[ $cur == = || $prev == = ]]; then
    if [[ $cur == = ]]; then cur=''; else prev=${COMP_WORDS[COMP_CWORD-2]}; fi
    [[ $prev == -* ]] || return 0
  elif [[ $cur == --*=* ]]; then
    prev=${cur%%=*} begun=${cur%%=*}= cur=${cur#*=}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${COMP_WORDS[i]} == -- ]]; then
      texts=1
    elif [[ ${COMP_WORDS[i]} == -* && -z $texts ]]; then
      if _medgen_takes_value "${COMP_WORDS[i]}"; then
        [[ ${COMP_WORDS[i+1]} == = ]] && ((++i))
        ((++i))
      fi
    elif [[ -z $command ]]; then
      command=generate
      _medgen_is_command "${COMP_WORDS[i]}" && command=${COMP_WORDS[i]}
    fi
  done
  if [[ -n $begun || $prev == -* && -z $texts ]] && _medgen_takes_value "$prev"; then
    _medgen_value "${command:-generate}" "${prev//_/-}"
    COMPREPLY=("${COMPREPLY[@]/#/$begun}")
  elif [[ $cur == -* && -z $texts ]]; then
    _medgen_options "${command:-generate}"
  elif [[ -z $command ]]; then
    _medgen_words "$(_medgen_commands)"
  else
    _medgen_text "$command"
  fi
}

complete -F _medgen medgen
)bash";

std::string call_of(const OptionShape& option) {
  const std::string words = in_one(option.words);
  switch (completed_by(option)) {
    case Completed::kWords:
      return "_medgen_words " + words;
    case Completed::kListed:
      return "_medgen_listed " + words;
    case Completed::kAssigned:
      return "_medgen_assigned " + words;
    case Completed::kFiles:
      return "_medgen_files";
    case Completed::kFolders:
      return "_medgen_folders";
    case Completed::kModels:
      return "_medgen_models";
    case Completed::kNothing:
      break;
  }
  return "";
}

// `*' --task'`, or one for each command where others have another option of that name.
std::vector<std::string> patterns_of(const SharedOption& shared) {
  std::vector<std::string> commands = shared.commands, patterns;
  if (shared.everywhere) commands = {"*"};
  for (const std::string& command : commands) {
    const std::string begin = command == "*" ? "*' " : "'" + command + " ";
    if (shared.option.letter != 0) patterns.push_back(begin + "-" + shared.option.letter + "'");
    patterns.push_back(begin + shared.option.name + "'");
  }
  return patterns;
}

std::string bash_values(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> calls;
  std::map<std::string, std::vector<std::string>> patterns;
  for (const SharedOption& shared : shared_options(commands)) {
    const std::string call = call_of(shared.option);
    if (call.empty()) continue;
    if (!patterns.contains(call)) calls.push_back(call);
    for (std::string& one : patterns_of(shared)) patterns[call].push_back(std::move(one));
  }
  std::string text = "\n# COMMAND OPTION\n_medgen_value() {\n  case \"$1 $2\" in\n";
  for (const std::string& call : calls) {
    text += fmt::format("    {}) {} ;;\n", in_one(patterns[call], " | "), call);
  }
  return text + "  esac\n}\n";
}

std::string bash_tables(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  std::string options, texts;
  for (const CompletedCommand& command : commands) {
    names.push_back(command.name);
    std::vector<std::string> words;
    for (const OptionShape& option : command.shape.options) {
      if (option.positional) continue;
      if (option.letter != 0) words.push_back(std::string("-") + option.letter);
      words.push_back(option.name);
    }
    options += fmt::format("    {}) _medgen_words '{}' ;;\n", command.name, in_one(words));
    const OptionShape* positional = first_positional(command.shape);
    if (positional != nullptr) {
      texts += fmt::format("    {}) {} ;;\n", command.name, call_of(*positional));
    }
  }
  return fmt::format(
      "\n_medgen_commands() {{ printf '%s' '{}'; }}\n"
      "\n_medgen_is_command() {{\n  case $1 in\n    {}) return 0 ;;\n  esac\n  return 1\n}}\n"
      "\n_medgen_takes_value() {{\n  case ${{1//_/-}} in\n    {}) return 0 ;;\n  esac\n  return "
      "1\n}}\n"
      "\n_medgen_options() {{\n  case $1 in\n{}  esac\n}}\n"
      "\n# What a command takes besides options.\n_medgen_text() {{\n  case $1 in\n{}  esac\n}}\n",
      in_one(names), in_one(names, " | "), in_one(options_with_value(commands), " | "), options,
      texts);
}

}  // namespace

std::string bash_completions(const std::vector<CompletedCommand>& commands) {
  return fmt::format("# Completions of medgen {} for bash, made by `medgen completions bash`.\n",
                     version()) +
         "# shellcheck shell=bash\n" + std::string(kBashHelpers) + bash_tables(commands) +
         bash_values(commands) + std::string(kBashMain);
}

}  // namespace medgen::cli
