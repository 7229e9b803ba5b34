// The script for fish: a line for each option, with the commands that have it.
#include <fmt/format.h>

#include "cli/documents/completions.h"
#include "medgen/version.h"

namespace medgen::cli {
namespace {

constexpr std::string_view kFishHelpers = R"fish(
# Whether the command is one of these; none that is named is `none`, a text is for generate.
function __medgen_in
    set -l words (commandline -opc)
    set -e words[1]
    set -l skip 0
    for word in $words
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch $word
            case --
                break
            case '--*=*'
            case '-*'
                if contains -- (string replace -a _ - -- $word) $__medgen_with_value
                    set skip 1
                end
            case '*'
                if contains -- $word $__medgen_commands
                    contains -- $word $argv
                else
                    contains -- generate $argv
                end
                return
        end
    end
    contains -- none $argv
end

# Words with commas between them.
function __medgen_listed
    set -l begun (string match -r '^.*,|^' -- (commandline -ct | string replace -r '^--[a-z_-]+=' ''))
    printf '%s\n' $begun$argv
end

# Folders, which a model is or lies in, files of TorchScript, and the models that are installed.
function __medgen_models
    set -l begun (commandline -ct | string replace -r '^--[a-z_-]+=' '')
    __fish_complete_directories $begun ''
    for file in $begun*.pt
        echo $file
    end
    set -l program (command -s medgen)
    and for model in (dirname (dirname (realpath $program)))/share/medgen/models/*
        echo $model
    end
end

complete -c medgen -f
)fish";

std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// Of an option, or of what a command takes besides.
std::string fish_values(const OptionShape& option) {
  const std::string words = in_one(option.words);
  switch (completed_by(option)) {
    case Completed::kWords:
      return " -a '" + words + "'";
    case Completed::kListed:
      return " -a '(__medgen_listed " + words + ")'";
    case Completed::kAssigned:
      return " -a '" + in_one(option.words, "= ") + "='";
    case Completed::kFiles:
      return " -F";
    case Completed::kFolders:
      return " -a '(__fish_complete_directories (commandline -ct | string replace -r "
             "\"^--[a-z_-]+=\" \"\") \"\")'";
    case Completed::kModels:
      return " -a '(__medgen_models)'";
    case Completed::kNothing:
      break;
  }
  return "";
}

std::string fish_option(const SharedOption& shared) {
  std::string commands = in_one(shared.commands);
  if ((" " + commands + " ").find(" generate ") != std::string::npos) commands += " none";
  std::string text = fmt::format("complete -c medgen -n '__medgen_in {}'", commands);
  if (shared.option.letter != 0) text += std::string(" -s ") + shared.option.letter;
  text += " -l " + shared.option.name.substr(2);
  // -x is -r without the names of files.
  const bool files = completed_by(shared.option) == Completed::kFiles;
  if (!shared.option.flag) text += (files ? " -r" : " -x") + fish_values(shared.option);
  return text + " -d " + fish_quoted(brief(shared.option)) + "\n";
}

}  // namespace

std::string fish_completions(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  for (const CompletedCommand& command : commands) names.push_back(command.name);
  std::string text = fmt::format(
      "# Completions of medgen {} for fish, made by `medgen completions fish`.\n"
      "set -g __medgen_commands {}\nset -g __medgen_with_value {}\n",
      version(), in_one(names), in_one(options_with_value(commands)));
  text += kFishHelpers;
  for (const CompletedCommand& command : commands) {
    text += fmt::format("complete -c medgen -n '__medgen_in none' -a {} -d {}\n", command.name,
                        fish_quoted(command.summary));
    const OptionShape* positional = first_positional(command.shape);
    if (positional == nullptr) continue;
    text += fmt::format("complete -c medgen -n '__medgen_in {}'{}\n", command.name,
                        fish_values(*positional));
  }
  for (const SharedOption& shared : shared_options(commands)) text += fish_option(shared);
  return text;
}

}  // namespace medgen::cli
