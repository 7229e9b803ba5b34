// `medgen why`: which words of a prompt led to the words of its continuation.
#include "jobs/why.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/options/generate_options.h"
#include "cli/options/option_words.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "report/why_page.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

struct WhyArguments {
  std::optional<std::string> text, prompt_file, prompt_ids, continuation, record, id, setting;
  std::optional<std::string> by, spans, instead, method, compare_with, html, model, tokenizer,
      color;
  std::optional<int> sample, permutations, draws, steps;
  BackendArguments backend;
  DecodingArguments decoding;
  bool specials = false, truncate = false, replace = false, include_generated = false;
  bool json = false, quiet = false, no_color = false;
};

void declare_why_texts(CommandLine& line, WhyArguments& a) {
  declare_text(line, a.text, a.prompt_file,
               "Text that is continued. Without it: --prompt-file, standard input, or --record.");
  declare_prompt_tokens(line, a.prompt_ids, a.specials);
  line.flag("--truncate-prompt", a.truncate,
            "Keep only the end of a text that does not fit, leaving room for the continuation, and "
            "say how much was dropped.");
  line.text("--continuation", "TEXT", a.continuation,
            "Ask about this continuation, as it stands behind the text, in place of one that is "
            "drawn.");
  line.text("--record", reads("FILE"), a.record,
            "Ask about a recorded text: FILE is what generate --json, batch or sweep wrote.");
  line.text("--id", "ID", a.id,
            "Which record of --record: its id, or its line in the file where it has none.");
  line.text("--setting", "NAME", a.setting, "Which record of a sweep: the name of its setting.");
  line.number("--sample", a.sample, "Which text of the record, from 1. Default: 1.");
  for (const char* other : {"TEXT", "--prompt-file", "--prompt-ids", "--specials"}) {
    line.exclude("--record", other);
  }
}

void declare_why_question(CommandLine& line, WhyArguments& a) {
  line.choice("--by", {"word", "sentence", "span"}, a.by,
              "Whose influence is asked: of each word, each sentence, or each part of the text "
              "that stands in [brackets] or in --spans. Default: word; with --spans, span; with "
              "--method shapley, sentence.");
  line.text("--spans", reads("FILE"), a.spans,
            "The parts of the text, one on each line of FILE, letter by letter as they stand in "
            "the text.");
  line.flag("--replace", a.replace,
            "Put the token of \"_\" in place of each token of a part, so that what follows keeps "
            "its place. Without it the part is taken out.");
  line.flag("--include-generated", a.include_generated,
            "Ask for the influence of earlier generated words, too.");
  line.text("--instead", "TEXT", a.instead,
            "Why the first generated word, and not this one: the influence on the difference of "
            "their log-probabilities.");
  line.choice("--method", jobs::why_method_names(), a.method,
              "occlusion, what becomes of a word's log-probability without a part; shapley, the "
              "part's average share over all orders in which parts could be added; gradient and "
              "integrated-gradients, by derivatives, which need the libtorch module; rollout, how "
              "attention passes words on, for comparison. Default: occlusion.");
  line.choice("--compare-with", jobs::why_method_names(), a.compare_with,
              "A second method, and how far both put the parts in the same order. Default: none.");
  line.number("--permutations", a.permutations,
              "Orders drawn for Shapley values of more than ten parts; 2 to 100000. Default: 100.");
  line.number("--steps", a.steps,
              "Points at which integrated gradients take a derivative; 1 to 1000. Default: 50.");
  line.number("--draws", a.draws,
              "Random sets of parts that the most influential ones are compared with; 20 to 1000. "
              "Default: 20.");
}

int number_within(const char* name, const std::optional<int>& value, int otherwise, int least,
                  int most) {
  if (!value) return otherwise;
  if (*value < least || *value > most) {
    base::refuse_value(name, fmt::to_string(*value), fmt::format("from {} to {}", least, most));
  }
  return *value;
}

WhyArguments parse_why(const Arguments& words) {
  WhyArguments a;
  CommandLine line("medgen why",
                   "Shows which words of a text led the model to the words of its continuation, "
                   "and how far that can be trusted: see docs/WHY.md.");
  declare_why_texts(line, a);
  declare_why_question(line, a);
  line.flag("--json", a.json, "Print one line of JSON with all numbers.");
  line.text("--html", writes_file("FILE"), a.html, "Write the answer as a page, too.");
  line.flag("--quiet", a.quiet, "Print no notice and no notes.");
  declare_color(line, a.color, a.no_color);
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.backend);
  declare(line, a.decoding);
  line.config_file();
  line.parse(words);
  if (!a.record && (a.id || a.setting || a.sample)) {
    base::refuse("`id`, `setting` and `sample` choose from a file of records: give `record` too");
  }
  if (a.decoding.given.value("num_return_sequences", 1) != 1) {
    base::refuse(
        "why asks about one continuation: leave -n out, or ask about a record's texts "
        "with `record` and `sample`");
  }
  return a;
}

jobs::WhyAsked why_asked(const WhyArguments& a, const Messages& messages,
                         const InterruptScope& interrupt) {
  jobs::WhyAsked asked;
  asked.model = a.model;
  asked.tokenizer = a.tokenizer;
  asked.backend = resolve(a.backend, messages);
  if (a.record) {
    asked.record = {*a.record, a.id, a.setting, number_within("sample", a.sample, 1, 1, 1 << 20)};
  } else if (a.prompt_ids) {
    asked.ids = read_prompt_ids(*a.prompt_ids);
  } else {
    asked.text = read_prompt(a.text, a.prompt_file, messages);
    note_blank_at_end(asked.text, messages);
    if (a.text) note_text_on_command_line(messages);
  }
  asked.specials = a.specials;
  asked.truncate = a.truncate;
  if (a.continuation) {
    require_text(*a.continuation, "the continuation");
    asked.continuation = a.continuation;
  }
  asked.given = given_settings(a.decoding);
  const std::string method = a.method.value_or("occlusion");
  asked.by = a.by.value_or(a.spans ? "span" : method == "shapley" ? "sentence" : "word");
  asked.spans_of = a.spans;
  asked.replace = a.replace;
  if (a.instead) require_text(*a.instead, "the word of --instead");
  asked.instead = a.instead;
  asked.options.method = jobs::why_method(method);
  if (a.compare_with) {
    if (*a.compare_with == method) {
      base::refuse("`method` and `compare_with` name the same method: leave one of them out");
    }
    asked.options.other = jobs::why_method(*a.compare_with);
  }
  asked.options.include_made = a.include_generated;
  asked.options.permutations = number_within("permutations", a.permutations, 100, 2, 100'000);
  if (a.steps) asked.steps = number_within("steps", a.steps, 50, 1, 1000);
  if (a.permutations && method != "shapley" && a.compare_with != "shapley") {
    base::refuse(
        "`permutations` are those of Shapley values: give them as `method` or `compare_with`, or "
        "leave `permutations` out");
  }
  asked.options.draws = number_within("draws", a.draws, 20, 20, 1000);
  asked.options.before_step = [&interrupt] {
    if (interrupt.interrupted()) throw Interrupted{};
  };
  asked.loaded = [writes = a.html ? safety::Writes::kAsBefore : safety::Writes::kNothing] {
    finish_loading(writes);
  };
  asked.note = [&messages](const std::string& text) { messages.note(with_flags(text)); };
  asked.interrupted = &interrupt.flag();
  return asked;
}

Json why_json(const jobs::WhyResult& result) {
  Json json{{"notice", safety::notice()},
            {"model", {{"name", result.model_name}, {"sha256", result.model_sha256}}},
            {"backend", result.backend.name},
            {"precision", result.backend.precision},
            {"made_text_was", result.origin}};
  if (result.seed) json["seed"] = *result.seed;
  json.update(why::account_json(result.account));
  return json;
}

void print_why(const WhyArguments& a, const jobs::WhyResult& result) {
  Output output(STDOUT_FILENO);
  if (a.json) {
    output.write(why_json(result).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    const bool color = use_color(color_choice(a.color, a.no_color), STDOUT_FILENO);
    output.write_as_is(why::account_text(result.account, terminal_columns(STDOUT_FILENO), color));
  }
  output.flush();
}

}  // namespace

int why_command(const Arguments& words) {
  const WhyArguments a = parse_why(words);
  check(a.decoding);
  const Messages messages(a.quiet);
  const InterruptScope interrupt;
  try {
    const jobs::WhyResult result = jobs::explain_why(why_asked(a, messages, interrupt));
    if (!a.quiet) {
      Messages::plain(safety::notice());
    } else if (!a.json) {
      Messages::plain(safety::short_notice());
    }
    if (a.html) {
      base::write_file_atomically(
          *a.html, report::why_page(result.account, {.model_name = result.model_name,
                                                     .model_sha256 = result.model_sha256,
                                                     .precision = result.backend.precision,
                                                     .origin = result.origin,
                                                     .seed = result.seed,
                                                     .notice = std::string(safety::notice())}));
    }
    print_why(a, result);
  } catch (const Interrupted&) {
    messages.note("interrupted");
    return kExitInterrupted;
  }
  return kExitFine;
}

}  // namespace medgen::cli
