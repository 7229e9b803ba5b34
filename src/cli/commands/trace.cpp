// `medgen trace`: options in; passages marked in the text, as JSON, or as a page.
#include "jobs/trace.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/files.h"
#include "base/random.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/decoding_options.h"
#include "cli/options/generate_options.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "cli/trace_text.h"
#include "report/trace_page.h"
#include "safety/notice.h"

namespace medgen::cli {
namespace {

struct TraceArguments {
  std::optional<std::string> text, prompt_file, record, index, html, model, tokenizer, color;
  std::optional<int> least_tokens, most_spans, places, context_tokens;
  BackendArguments backend;
  DecodingArguments decoding;
  bool go_on = false, titles = false, json = false, quiet = false, no_color = false;
};

TraceArguments parse_trace(const Arguments& words) {
  TraceArguments a;
  const why::TraceOptions defaults;
  CommandLine line(
      "medgen trace",
      "Marks the passages of a text that stand word for word in training text, with how often, and "
      "in which documents. What stands there need not be true, and what does not may have been "
      "learnt there all the same.");
  declare_text(line, a.text, a.prompt_file, "The text to trace; with --continue the prompt.");
  line.text("--record", reads("FILE"), a.record,
            fmt::format("Trace the generated texts of a file of records (of generate --json, batch "
                        "or sweep) instead, at most {}.",
                        jobs::kMostTracedTexts));
  line.exclude("TEXT", "--record");
  line.exclude("--prompt-file", "--record");
  line.flag("--continue", a.go_on,
            "Draw continuations of the text as medgen generate does, and trace these.");
  line.exclude("--continue", "--record");
  line.text("--index", reads("DIR"), a.index, "A folder that medgen index wrote. Required.");
  line.number("--least-tokens", a.least_tokens,
              fmt::format("Tokens that a passage has at least; 1 to 10000. Default: {}.",
                          defaults.least_tokens));
  line.number("--most-spans", a.most_spans,
              "Show only so many passages of a text, those of the rarest words; 0 shows all. "
              "Default: one for every 20 tokens of the text.");
  line.number("--places", a.places,
              fmt::format("Documents to show for a passage; 1 to 1000. Default: {}.",
                          defaults.most_places));
  line.number("--context-tokens", a.context_tokens,
              fmt::format("Tokens of a document to show on each side of a passage; 0 to 1000. "
                          "Default: the passage's sentence, at most {} tokens on each side.",
                          defaults.context_tokens));
  line.flag("--titles", a.titles,
            "Show the documents' ids and titles, too. A title may name a condition: that of its "
            "document, and of nobody else.");
  line.flag("--json", a.json, "Print a line of JSON for each text; it has ids and titles.");
  line.text("--html", writes_file("FILE"), a.html,
            "Write one page, which loads nothing and runs no script, and print nothing.");
  line.exclude("--json", "--html");
  declare_color(line, a.color, a.no_color);
  line.flag("--quiet", a.quiet, "Print no notice.");
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.backend);
  declare(line, a.decoding);
  line.config_file();
  line.parse(words);
  if (!a.index) base::refuse("no index: give --index DIR, which medgen index writes");
  if (!a.go_on && !given_settings(a.decoding).empty()) {
    base::refuse("decoding settings are for --continue: give it too, or leave them out");
  }
  return a;
}

jobs::TraceAsked trace_asked(const TraceArguments& a, const Messages& messages) {
  jobs::TraceAsked asked;
  asked.index = *a.index;
  asked.options.least_tokens = a.least_tokens.value_or(asked.options.least_tokens);
  asked.options.most_spans = a.most_spans;
  asked.options.most_places = a.places.value_or(asked.options.most_places);
  asked.options.context_tokens = a.context_tokens.value_or(asked.options.context_tokens);
  asked.options.within_sentence = !a.context_tokens;
  if (a.record) {
    asked.records = *a.record;
  } else {
    asked.text = read_prompt(a.text, a.prompt_file, messages);
    if (asked.text.empty() && !a.go_on)
      base::refuse("the text is empty: there is nothing to trace");
    if (a.text) note_text_on_command_line(messages);
  }
  asked.go_on = a.go_on;
  asked.model = a.model;
  asked.tokenizer = a.tokenizer;
  asked.backend = resolve(a.backend, messages);
  asked.loaded = [writes = a.html ? safety::Writes::kAsBefore : safety::Writes::kNothing] {
    finish_loading(writes);
  };
  if (!a.go_on) return asked;
  check(a.decoding);
  const bool seeded = given_settings(a.decoding).contains("seed");
  const std::uint64_t seed = seeded ? 0 : base::system_seed();
  if (!seeded) messages.note(fmt::format("seed {0} (repeat with --seed {0})", seed));
  asked.resolve = [&a, seeded, seed](const engine::ModelDefaults& model) {
    DecodingSettings settings = resolve(a.decoding, model);
    if (!seeded) settings.sampling.seed = seed;
    return settings;
  };
  return asked;
}

}  // namespace

int trace_command(const Arguments& words) {
  const TraceArguments a = parse_trace(words);
  const Messages messages(a.quiet);
  const InterruptScope interrupt;
  jobs::TraceAsked asked = trace_asked(a, messages);
  asked.interrupted = &interrupt.flag();
  const jobs::TraceResult result = jobs::trace(asked);
  const bool generated = a.go_on || a.record;
  if (generated && !a.quiet) Messages::plain(safety::notice());
  if (a.html) {
    report::TracePage page;
    page.facts =
        fmt::format("{} documents, {} tokens", result.index_documents, result.index_tokens);
    page.notice = generated ? std::string(safety::notice()) : "";
    page.quoted = jobs::kQuotedText;
    page.titles = a.titles;
    page.least_tokens = asked.options.least_tokens;
    page.sources = result.sources;
    for (const jobs::TracedText& text : result.texts) {
      page.texts.push_back({text.name, text.generated, &text.trace});
    }
    base::write_file_atomically(*a.html, report::trace_page(page));
    messages.note("wrote " + *a.html);
  } else {
    Output output(STDOUT_FILENO);
    if (a.json) {
      for (const jobs::TracedText& text : result.texts) {
        output.write(trace_json(result, text, asked.options.least_tokens));
      }
    } else {
      const TraceShown shown{.least_tokens = asked.options.least_tokens,
                             .titles = a.titles,
                             .color = use_color(color_choice(a.color, a.no_color), STDOUT_FILENO)};
      for (const jobs::TracedText& text : result.texts) {
        output.write_as_is(trace_in_words(result, text, shown));
      }
    }
    output.flush();
  }
  return interrupt.interrupted() ? kExitInterrupted : kExitFine;
}

}  // namespace medgen::cli
