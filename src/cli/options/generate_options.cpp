// The options of `generate`: their help, and how they resolve.
#include "cli/options/generate_options.h"

#include "base/refuse.h"
#include "cli/prompt.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

void declare_input(CommandLine& line, GenerateArguments& a) {
  line.positional(
      "TEXT", a.text, false,
      "Text to continue. Without it: --prompt-file, or standard input unless it is a terminal. "
      "An empty text starts from the model's BOS or EOS token.");
  line.text(
      "--prompt-file", reads("FILE"), a.prompt_file,
      "Read the text from FILE (- is standard input); one line break at the end is dropped, from "
      "standard input too. At most 1 MiB of UTF-8.");
  line.exclude("TEXT", "--prompt-file");
  declare_prompt_tokens(line, a.prompt_ids, a.specials);
  line.flag("--truncate-prompt", a.truncate_prompt,
            "Keep only the end of a text that does not fit, leaving room for the continuation (for "
            "--max-new-tokens, or half of what the limits allow), and say how much was dropped.");
  line.choice(
      "--identifiers", {"off", "warn", "refuse", "mask"}, a.identifiers,
      "What to do about what may identify a patient (see medgen screen) in the prompt and the "
      "negative prompt: warn, say of which class it is and where; refuse, generate nothing; mask, "
      "put its class in its place, such as [date], before the model sees it. Generated texts are "
      "looked at too, and never changed: what they hold is said at the end, and marked in --json. "
      "Some is missed. Default: off.");
  declare_model(line, a.model, a.tokenizer);
}

void declare_running(CommandLine& line, GenerateArguments& a, const GenerateHelp& help) {
  declare(line, a.backend);
  line.flag("--json", a.json, help.json);
  line.flag("--quiet", a.quiet,
            "Print nothing on standard error but errors and, unless --json, a one-line notice.");
  declare_color(line, a.color, a.no_color);
  line.config_file();
}

}  // namespace

void declare(CommandLine& line, GenerateArguments& arguments, const GenerateHelp& help) {
  declare_input(line, arguments);
  declare(line, arguments.task);
  declare(line, arguments.decoding, help.continuations);
  declare_running(line, arguments, help);
}

void declare_color(CommandLine& line, std::optional<std::string>& color, bool& no_color) {
  line.choice(
      "--color", {"auto", "always", "never"}, color,
      "Colours: auto (on a terminal, unless NO_COLOR is set or TERM is dumb), always or never. "
      "Default: auto.");
  line.flag("--no-color", no_color, "The same as --color never.");
  line.exclude("--color", "--no-color");
}

ColorChoice color_choice(const std::optional<std::string>& color, bool no_color) {
  if (no_color || color == "never") return ColorChoice::kNever;
  return color == "always" ? ColorChoice::kAlways : ColorChoice::kAuto;
}

ColorChoice color_choice(const GenerateArguments& a) { return color_choice(a.color, a.no_color); }

DecodingSettings resolve(const GenerateArguments& a, const engine::ModelDefaults& model) {
  resolve(a.backend);
  return resolve(a.decoding, model);
}

void check(const GenerateArguments& a) {
  if (a.prompt_ids && a.task.task) {
    base::refuse(
        "--task puts a text into a form, and --prompt-ids are tokens: leave one of them out");
  }
  resolve(a.backend);
  check(a.decoding);
}

}  // namespace medgen::cli
