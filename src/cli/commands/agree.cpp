// `medgen agree`: many continuations of one text, and what they share.
#include "jobs/agree.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/files.h"
#include "base/refuse.h"
#include "cli/agreement_output.h"
#include "cli/commands/commands.h"
#include "cli/generate_run.h"
#include "cli/options/command_line.h"
#include "cli/options/generate_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "engine/settings.h"
#include "medgen/version.h"
#include "records/record.h"
#include "report/agree_page.h"
#include "safety/notice.h"
#include "why/agree_terms.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kUsualContinuations = 64;

struct AgreeArguments {
  GenerateArguments generate;
  std::optional<std::string> html, terms;
  std::optional<int> fewest;
};

void check_draws(const engine::SettingsJson& given) {
  if (given.contains("num_return_sequences") && given["num_return_sequences"].is_number_integer() &&
      given["num_return_sequences"] == 1) {
    base::refuse_value("num-return-sequences", "1", "from 2 to 4096",
                       "one continuation has none to agree with; 64 is usual");
  }
  if (given.contains("temperature") && given["temperature"] == 0) {
    base::refuse_value("temperature", "0", "above 0 here",
                       "without chance all continuations are one text; 0.7 is usual");
  }
}

AgreeArguments parse_agree(const Arguments& words) {
  AgreeArguments a;
  CommandLine line("medgen agree",
                   "Continues a text many times and shows where the continuations agree and where "
                   "they part: shared words with their shares, entropy word by word, and the terms "
                   "that they mention, in alphabetical order. A share is a habit of the model, not "
                   "the probability of an illness.");
  GenerateHelp help;
  help.json = "Print one line of JSON: prompt, settings, texts, what they share, notice.";
  help.continuations = kUsualContinuations;
  declare(line, a.generate, help);
  line.text(
      "--terms", reads("FILE"), a.terms,
      "Count the continuations that mention each term of FILE, one on each line; whole words, "
      "whatever their case. Default: the content words that --fewest of them mention.");
  line.number("--fewest", a.fewest,
              "Sum up branches, and leave out content words, of fewer than N continuations; 1 to "
              "4096. JSON holds every branch. Default: 2.");
  line.text("--html", writes_file("FILE.html"), a.html,
            "Write a page to FILE: a picture of the branches, entropies and terms in one file "
            "that needs no other.");
  line.parse(words);
  if (a.fewest && (*a.fewest < 1 || *a.fewest > 4096)) {
    base::refuse_value("fewest", fmt::to_string(*a.fewest), "from 1 to 4096", "2 is usual");
  }
  check(a.generate);
  check_draws(given_settings(a.generate.decoding));
  if (!a.generate.decoding.given.contains("num_return_sequences")) {
    a.generate.decoding.given["num_return_sequences"] = kUsualContinuations;
  }
  return a;
}

void require_draws(const Request& request) {
  if (request.sampling.num_beams > 1) {
    base::refuse_value("num-beams", fmt::to_string(request.sampling.num_beams), "1 here",
                       "what beam search keeps are not draws, so their shares say nothing");
  }
  if (request.sampling.temperature == 0) {
    base::refuse(
        "the model's own settings leave no chance, so all continuations are one text: set "
        "`temperature`, 0.7 is usual");
  }
}

// Beyond 2^53 as text, so that programs that read numbers as doubles keep it.
Json seed_json(std::uint64_t seed) {
  return seed < std::uint64_t{1} << 53U ? Json(seed) : Json(fmt::to_string(seed));
}

DecodingSettings settings_of(const Request& request) {
  return {request.sampling, request.stopping, request.num_return_sequences};
}

Json to_json(const GenerateRun& run, const std::vector<Completion>& completions,
             const report::Agreement& agreement) {
  Json texts = Json::array();
  for (const Completion& completion : completions) {
    texts.push_back({{"text", completion.text},
                     {"finish_reason", std::string(to_string(completion.finish_reason))}});
  }
  Json json = {{"medgen", std::string(version())},
               {"model", {{"name", run.model.name()}, {"sha256", run.model.sha256()}}},
               {"prompt", run.prompt.text},
               {"seed", seed_json(run.request.sampling.seed)},
               {"settings", engine::settings_json(settings_of(run.request))},
               {"agreement", agreement_json(agreement)},
               {"texts", std::move(texts)},
               {"notice", std::string(safety::notice())}};
  records::Record marks;
  run.identifiers.mark(marks);
  if (!marks.identifiers.empty()) {
    json["identifiers"] = marks.identifiers;
    json["identifiers_found"] = marks.identifiers_found;
  }
  return json;
}

report::AgreePage page_of(const GenerateRun& run, const jobs::AgreeOptions& options) {
  report::AgreePage page;
  page.prompt = run.prompt.text;
  page.notice = safety::notice();
  page.fewest = options.fewest;
  page.facts = {{"Model", run.model.name()},
                {"SHA-256 of the model", run.model.sha256()},
                {"medgen", std::string(version())},
                {"seed", fmt::to_string(run.request.sampling.seed)}};
  const Json settings = engine::settings_json(settings_of(run.request));
  for (const auto& [name, value] : settings.items()) {
    page.facts.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return page;
}

// The texts, or nothing if Ctrl-C cut them short.
std::optional<std::vector<Completion>> draw(GenerateRun& run, Backend& backend) {
  const InterruptScope interrupt;
  GatheredCompletions gathered;
  GenerateOptions options;
  options.interrupted = &interrupt.flag();
  Request request = run.request;
  request.sampling.logprobs = 0;  // entropies, and no alternatives
  generate(backend, run.model.tokenizer(), {request}, gathered, options);
  std::vector<Completion> completions = std::move(gathered).in_order();
  for (const Completion& completion : completions) run.identifiers.watch_text(completion);
  if (interrupt.interrupted()) return std::nullopt;
  return completions;
}

void print_agreement(const AgreeArguments& a, const GenerateRun& run,
                     const std::vector<Completion>& completions, const report::Agreement& agreement,
                     int fewest) {
  Output output(STDOUT_FILENO);
  if (a.generate.json) {
    const Json json = to_json(run, completions, agreement);
    output.write(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    const bool terminal = is_terminal(STDOUT_FILENO);
    output.write_as_is(
        agreement_text(agreement, {fewest, terminal ? terminal_columns(STDOUT_FILENO) : 0,
                                   use_color(color_choice(a.generate), STDOUT_FILENO)}));
  }
  output.flush();
}

}  // namespace

int agree_command(const Arguments& words) {
  const AgreeArguments a = parse_agree(words);
  const Messages messages(a.generate.quiet);
  jobs::AgreeOptions options;
  options.fewest = a.fewest.value_or(options.fewest);
  if (a.terms) options.terms = why::read_terms(*a.terms);
  GenerateRun run = prepare_run(a.generate, messages);
  require_draws(run.request);
  Generator generator = open_generator(
      a.generate, run, messages, a.html ? safety::Writes::kAsBefore : safety::Writes::kNothing);
  print_notice(a.generate, run);
  const auto completions = draw(run, generator.backend());
  if (!completions) {
    messages.note("interrupted");
    return kExitInterrupted;
  }
  const report::Agreement agreement =
      jobs::agreement_of(*completions, run.model.tokenizer(), options);
  if (a.html) {
    base::write_file_atomically(*a.html, report::agree_html(agreement, page_of(run, options)));
  }
  print_agreement(a, run, *completions, agreement, options.fewest);
  if (const std::string found = run.identifiers.summary(); !found.empty()) messages.note(found);
  return kExitFine;
}

}  // namespace medgen::cli
