// Picks the command and turns whatever it throws into a message and an exit status.
#include "cli/run.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>

#include "cli/arguments.h"
#include "cli/command_table.h"
#include "cli/commands/commands.h"
#include "cli/options/argument_words.h"
#include "cli/options/command_line.h"
#include "cli/options/option_words.h"
#include "cli/output.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "medgen/error.h"
#include "medgen/version.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

constexpr std::array kCommands{
    Command{"generate", generate_command, "continue a text (the command when none is named)",
            "Generate"},
    Command{"session", session_command,
            "type texts, read their continuations, go on (medgen alone on a terminal)"},
    Command{"batch", batch_command, "continue every prompt of a file, durably", "Files of prompts"},
    Command{"merge", merge_command, "merge the outputs of a batch's shards"},
    Command{"export", export_command, "make a table of an output, for a spreadsheet"},
    Command{"screen", screen_command, "look for what may identify a patient in files of prompts"},
    Command{"sweep", sweep_command, "run a file of prompts under several settings, with a report",
            "Compare settings"},
    Command{"metrics", metrics_command, "measure how diverse, likely and repetitive texts are"},
    Command{"ratings", ratings_command, "read back what people rated, and how far they agree"},
    Command{"why", why_command, "show which words of a text led to its continuation", "Understand"},
    Command{"explain", explain_command, "show what decoding settings do to the next token"},
    Command{"lens", lens_command, "show what each layer of the model would say next"},
    Command{"agree", agree_command, "show where many continuations agree and where they part"},
    Command{"trace", trace_command, "mark what of a text stands word for word in training text"},
    Command{"audit", audit_command, "measure what a model recites of its training text"},
    Command{"tokenize", tokenize_command, "show the tokens of a text, or the text of tokens"},
    Command{"reproduce", reproduce_command, "regenerate recorded texts and compare"},
    Command{"inspect", inspect_command, "show what a model is", "Models"},
    Command{"convert", convert_command,
            "make a model folder from a Hugging Face or TorchScript GPT-2"},
    Command{"eval", eval_command, "measure perplexity, bits per byte and multiple choice"},
    Command{"prepare", prepare_command, "make token shards from text", "Training"},
    Command{"index", index_command, "index token shards, for trace and audit"},
    Command{"train-tokenizer", train_tokenizer_command, "make a vocabulary from a corpus"},
    Command{"train", train_command, "train a model from scratch, or train one further"},
    Command{"verify", verify_command, "compare the native engine with TorchScript", "This machine"},
    Command{"bench", bench_command, "measure generation speed"},
    Command{"doctor", doctor_command, "say what the sandbox forbids here, and try it"},
    Command{"clean", clean_command, "remove journals and what killed runs left"},
    Command{"completions", completions_command, "let a shell complete command lines of medgen"},
    Command{"manual", manual_command, "print a page of the manual"},
};

std::string overview() {
  std::string text =
      "medgen: continues a sentence about symptoms with a GPT-2 language model\n"
      "Usage: medgen                          a session, on a terminal\n"
      "       medgen [OPTIONS] [TEXT]\n"
      "       medgen COMMAND [OPTIONS] ...\n\n"
      "The first argument that is no option names the command; anything else goes to `generate`.\n"
      "A TEXT that is the same word as a command needs the command spelled out: medgen generate "
      "inspect\n";
  for (const Command& command : kCommands) {
    if (!command.group.empty()) text += "\n" + std::string(command.group) + ":\n";
    text += "  " + std::string(command.name) + std::string(18 - command.name.size(), ' ') +
            std::string(command.summary) + "\n";
  }
  text +=
      "\n`medgen COMMAND --help` lists the options of a command with their defaults, ranges and\n"
      "environment variables. `medgen --version` prints the version. Every command\n"
      "takes --verbose, --log-file, --log-format and --show-config.\n\n"
      "Exit status: 0 success, 1 runtime failure, 2 wrong usage, 3 unusable model or tokenizer,\n"
      "4 complete but some prompts or rows failed (batch, sweep), 130 interrupted.\n\n";
  return text + std::string(safety::notice()) + "\n";
}

void print(std::string_view text) {
  Output out(STDOUT_FILENO);
  out.write(text);
  out.flush();
}

bool is_command(std::string_view word) {
  return std::any_of(kCommands.begin(), kCommands.end(),
                     [&](const Command& command) { return command.name == word; });
}

// `word` is an option of any command.
bool takes_value(std::string_view word) {
  if (word.size() == 2) return word == "-n" || word == "-o";
  std::string name(word);
  std::replace(name.begin(), name.end(), '_', '-');
  return option_takes_value(name);
}

int dispatch(const Arguments& arguments) {
  const std::string_view first = arguments.empty() ? std::string_view() : arguments.front();
  if (first == "--help" || first == "-h") {
    print(overview());
    return kExitFine;
  }
  if (first == "--version" || first == "-V") {
    print("medgen " + std::string(version()) + "\n");
    return kExitFine;
  }
  for (const Command& command : kCommands) {
    if (first == command.name) return command.run({arguments.begin() + 1, arguments.end()});
  }
  // The options of a command may stand before its name.
  if (first.starts_with('-') && std::any_of(arguments.begin(), arguments.end(), is_command)) {
    const std::size_t place = place_of_command(arguments, is_command, takes_value);
    if (place > 0) {
      Arguments others = arguments;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(place));
      others.insert(others.begin(), arguments[place]);
      return dispatch(others);
    }
  }
  return unnamed_command(arguments);
}

// Commands declare their options before they do anything else.
void declare_all_options() {
  for (const Command& command : kCommands) {
    try {
      command.run({"--help"});
    } catch (const HelpRequested&) {
    }
  }
}

int report(const Error& error) {
  Messages::error(message_of(error));
  if (error.code() == ErrorCode::kUsage) Messages::plain("Try: medgen --help");
  return error.exit_status();
}

}  // namespace

std::span<const Command> commands() { return kCommands; }

int run(int argc, char** argv) {
  prepare_standard_streams();
  remember_arguments(argc, argv);
  install_interrupt_handler();
  set_declare_all(declare_all_options);
  let_commands_enter_the_sandbox();
  try {
    return dispatch(Arguments(argv + (argc > 0 ? 1 : 0), argv + argc));
  } catch (const OutputClosed&) {
    return kExitFine;
  } catch (const ParsedOnly&) {
    Messages().note("the command line is accepted; MEDGEN_PARSE_ONLY is 1, so nothing was run");
    return kExitFine;
  } catch (const HelpRequested& help) {
    try {
      print(help.text);
      return kExitFine;
    } catch (const OutputClosed&) {
      return kExitFine;
    } catch (const Error& error) {
      return report(error);
    }
  } catch (const Error& error) {
    return report(error);
  } catch (const std::bad_alloc&) {
    return report(Error(ErrorCode::kRuntime,
                        "not enough memory for this: try a smaller model or fewer sequences"));
  } catch (const std::filesystem::filesystem_error& error) {
    // Its own message quotes the path, which may be a text in the wrong place.
    return report(Error(ErrorCode::kRuntime,
                        "unexpected: a file or folder cannot be used: " + error.code().message()));
  } catch (const std::exception& error) {
    return report(Error(ErrorCode::kRuntime, std::string("unexpected: ") + error.what()));
  }
}

}  // namespace medgen::cli
