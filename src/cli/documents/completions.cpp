// See the header.
#include "cli/documents/completions.h"

#include <algorithm>

#include "cli/documents/manual.h"

namespace medgen::cli {
namespace {

constexpr std::size_t kBriefWidth = 72;

bool is_alike(const OptionShape& one, const OptionShape& other) {
  return one.name == other.name && one.letter == other.letter && one.flag == other.flag &&
         one.words == other.words && completed_by(one) == completed_by(other) &&
         brief(one) == brief(other);
}

}  // namespace

std::vector<CompletedCommand> completed_commands() {
  std::vector<CompletedCommand> completed;
  for (const Command& command : commands()) {
    completed.push_back(
        {std::string(command.name), std::string(command.summary), shape_of(command)});
    completed.back().shape.options.insert(
        completed.back().shape.options.begin(),
        {.name = "--help", .letter = 'h', .help = "Print this help and exit.", .flag = true});
  }
  return completed;
}

Completed completed_by(const OptionShape& option) {
  if (!option.words.empty()) {
    return option.use == WordUse::kListed     ? Completed::kListed
           : option.use == WordUse::kAssigned ? Completed::kAssigned
                                              : Completed::kWords;
  }
  switch (option.place) {
    case Place::kNone:
      return Completed::kNothing;
    case Place::kModel:
      return Completed::kModels;
    case Place::kWorkFolder:
    case Place::kNewFolder:
      return Completed::kFolders;
    default:
      return option.metavar == "DIR" || option.metavar == "FOLDER" ? Completed::kFolders
                                                                   : Completed::kFiles;
  }
}

std::string brief(const OptionShape& option) {
  std::string text = option.help.substr(0, option.help.find(". "));
  if (text.ends_with('.')) text.pop_back();
  if (text.size() <= kBriefWidth) return text;
  text.resize(text.rfind(' ', kBriefWidth));
  while (text.ends_with(',') || text.ends_with(':') || text.ends_with(';')) text.pop_back();
  return text + " ...";
}

const OptionShape* first_positional(const CommandShape& shape) {
  for (const OptionShape& option : shape.options) {
    if (option.positional && completed_by(option) != Completed::kNothing) return &option;
  }
  return nullptr;
}

std::string in_one(const std::vector<std::string>& words, const std::string& between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

std::vector<SharedOption> shared_options(const std::vector<CompletedCommand>& commands) {
  std::vector<SharedOption> shared;
  for (const CompletedCommand& command : commands) {
    for (const OptionShape& option : command.shape.options) {
      if (option.positional) continue;
      const auto same = std::find_if(shared.begin(), shared.end(), [&](const SharedOption& one) {
        return is_alike(one.option, option);
      });
      if (same == shared.end()) {
        shared.push_back({option, {command.name}});
      } else {
        same->commands.push_back(command.name);
      }
    }
  }
  for (SharedOption& one : shared) {
    one.everywhere = 1 == std::count_if(shared.begin(), shared.end(), [&](const SharedOption& o) {
                       return o.option.name == one.option.name;
                     });
  }
  return shared;
}

std::vector<std::string> options_with_value(const std::vector<CompletedCommand>& commands) {
  std::vector<std::string> names;
  for (const CompletedCommand& command : commands) {
    for (const OptionShape& option : command.shape.options) {
      if (option.positional || option.flag) continue;
      if (option.letter != 0) names.push_back(std::string("-") + option.letter);
      names.push_back(option.name);
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace medgen::cli
