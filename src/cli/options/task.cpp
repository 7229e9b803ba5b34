// --task and --templates.
#include "cli/options/task.h"

#include "base/text_blocks.h"
#include "medgen/error.h"

namespace medgen::cli {

void declare(CommandLine& line, TaskArguments& arguments) {
  line.choice("--task", task_names(), arguments.task,
              "Put the text into the form the model was trained on for a task: symptoms (continue "
              "a description), conditions (what a clinician might consider for a description), "
              "medication (the text is a medicine's name), advice (the text names a complaint). "
              "`medgen inspect` shows the forms. Default: none, the text as it is.");
  line.text("--templates", reads("FILE"), arguments.templates,
            "Forms of the tasks, as in a model's templates.json. Default: the model's own.");
}

Templates known_templates(const TaskArguments& arguments, const Templates& of_model) {
  if (!arguments.templates) return of_model;
  const std::string text =
      base::read_text_file(*arguments.templates, std::uint64_t{1} << 20U, ErrorCode::kUsage);
  return parse_templates(text, *arguments.templates);
}

std::optional<TaskTemplate> task_template(const TaskArguments& arguments,
                                          const Templates& of_model) {
  if (!arguments.task) {
    if (!arguments.templates) return std::nullopt;
    throw Error(ErrorCode::kUsage, "--templates is given without --task: name a task too");
  }
  return find_template(known_templates(arguments, of_model), *arguments.task);
}

}  // namespace medgen::cli
