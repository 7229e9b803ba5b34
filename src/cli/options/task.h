// --task and --templates: which form the user's words are put into.
#pragma once

#include <optional>
#include <string>

#include "cli/options/command_line.h"
#include "medgen/templates.h"

namespace medgen::cli {

struct TaskArguments {
  std::optional<std::string> task, templates;
};

void declare(CommandLine& line, TaskArguments& arguments);

// The forms of the file given with --templates, else the model's. Throws Error(kModel) for a bad
// file.
Templates known_templates(const TaskArguments& arguments, const Templates& of_model);

// The form of the requested task, if any: from the file given with --templates, else from
// the model. Throws Error(kUsage) if there is none of that name, Error(kModel) for a bad file.
std::optional<TaskTemplate> task_template(const TaskArguments& arguments,
                                          const Templates& of_model);

}  // namespace medgen::cli
