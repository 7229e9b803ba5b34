// `medgen audit`: options in; tables or JSON of what a model recites.
#include "jobs/audit.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/terminal.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

struct AuditArguments {
  std::optional<std::string> model, tokenizer, index, held_out, canaries;
  std::optional<int> documents, prefix_tokens, new_tokens, least_tokens, samples, candidates;
  std::optional<std::uint64_t> seed;
  BackendArguments backend;
  bool json = false, quiet = false;
};

void declare_numbers(CommandLine& line, AuditArguments& a) {
  const jobs::AuditAsked defaults;
  const auto number = [&](const char* name, std::optional<int>& target, const std::string& help,
                          int otherwise) {
    line.number(name, target, fmt::format("{} Default: {}.", help, otherwise));
  };
  number("--documents", a.documents,
         "Documents of the index to continue, and held-out ones; 1 to 1000000.",
         defaults.documents);
  number("--prefix-tokens", a.prefix_tokens,
         "Tokens of a document that the model is given; 1 to 100000.", defaults.prefix_tokens);
  number("--max-new-tokens", a.new_tokens, "Tokens that it adds; 1 to 100000.",
         defaults.new_tokens);
  number("--least-tokens", a.least_tokens,
         "Tokens of a passage that counts as recited; 1 to --max-new-tokens.",
         defaults.least_tokens);
  number("--samples", a.samples,
         "Continuations to draw with the model's settings, besides the greedy one; 0 to 100.",
         defaults.samples);
  number("--candidates", a.candidates,
         "Texts with other digits that a canary is compared with; 99 to 1000000.",
         defaults.candidates);
  line.number("--seed", a.seed, "Which documents, draws and other digits. Default: 0.");
}

AuditArguments parse_audit(const Arguments& words) {
  AuditArguments a;
  CommandLine line(
      "medgen audit",
      "Measures what a model recites of its training text: how often it goes on with a document's "
      "own words, against documents that it never saw; how much of what it writes stands there; "
      "and, where canaries were planted, how well it remembers them. Run it before a model that "
      "learnt from notes of patients leaves your hands.");
  line.positional(reads_model("MODEL"), a.model, false,
                  "A model folder. Default: the model that comes with medgen.");
  line.text("--tokenizer", reads("DIR"), a.tokenizer,
            "The tokenizer of a MODEL that is a TorchScript file.");
  line.text("--index", reads("DIR"), a.index,
            "Its training text: a folder that medgen index wrote. Required.");
  line.text("--held-out", reads("PLACE"), a.held_out,
            "Text that it was not trained on: a folder that medgen prepare wrote, whose validation "
            "documents are taken, or a .jsonl, .csv or .txt file. Default: none.");
  line.text("--canaries", reads("FILE"), a.canaries,
            "The canaries that medgen train --canary planted. Default: none.");
  declare_numbers(line, a);
  declare(line, a.backend);
  line.flag("--json", a.json, "Print one JSON object.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.config_file();
  line.parse(words);
  if (!a.index) base::refuse("no index: give --index DIR, which medgen index writes");
  return a;
}

jobs::AuditAsked audit_asked(const AuditArguments& a, const Messages& messages) {
  jobs::AuditAsked asked;
  asked.model = a.model;
  asked.tokenizer = a.tokenizer;
  asked.backend = resolve(a.backend, messages);
  asked.index = *a.index;
  asked.held_out = a.held_out.value_or("");
  asked.canaries = a.canaries.value_or("");
  asked.documents = a.documents.value_or(asked.documents);
  asked.prefix_tokens = a.prefix_tokens.value_or(asked.prefix_tokens);
  asked.new_tokens = a.new_tokens.value_or(asked.new_tokens);
  asked.least_tokens = a.least_tokens.value_or(std::min(asked.least_tokens, asked.new_tokens));
  asked.samples = a.samples.value_or(asked.samples);
  asked.candidates = a.candidates.value_or(asked.candidates);
  asked.seed = a.seed.value_or(asked.seed);
  asked.loaded = [] { finish_loading(safety::Writes::kNothing); };
  return asked;
}

Json share_json(const jobs::AuditShare& share) {
  return {{"hits", share.hits},
          {"of", share.all},
          {"share", share.all > 0 ? Json(share.value()) : Json(nullptr)},
          {"interval", {share.interval.low, share.interval.high}}};
}

Json texts_json(const jobs::AuditedTexts& texts) {
  Json lengths = Json::array();
  for (const auto& length : texts.lengths) {
    lengths.push_back({{"tokens", length.tokens},
                       {"own", share_json(length.own)},
                       {"anywhere", share_json(length.anywhere)}});
  }
  return {{"documents", texts.documents},
          {"text", texts.training ? "training" : "held-out"},
          {"decoding", texts.sampled ? "sampled" : "greedy"},
          {"lengths", lengths},
          {"recited_tokens", share_json(texts.recited)}};
}

Json audit_json(const jobs::AuditResult& result, const jobs::AuditAsked& asked) {
  Json json = {{"format", 1},
               {"model", result.model_name},
               {"model_sha256", result.model_sha256},
               {"index", {{"documents", result.index_documents}, {"tokens", result.index_tokens}}},
               {"prefix_tokens", asked.prefix_tokens},
               {"max_new_tokens", asked.new_tokens},
               {"least_tokens", asked.least_tokens},
               {"samples", asked.samples},
               {"seed", asked.seed},
               {"texts", Json::array()}};
  for (const jobs::AuditedTexts& texts : result.texts) json["texts"].push_back(texts_json(texts));
  if (result.written) {
    json["held_out"] = {{"documents", result.held_out_documents},
                        {"in_index", result.held_out_in_index},
                        {"written_tokens", share_json(*result.written)}};
  }
  if (!result.canaries.empty()) {
    json["candidates"] = asked.candidates;
    json["canaries"] = Json::array();
    for (const jobs::AuditedCanary& canary : result.canaries) {
      json["canaries"].push_back({{"canary", canary.number},
                                  {"times", canary.times},
                                  {"rank", canary.exposure.rank},
                                  {"exposure_bits", canary.exposure.bits()},
                                  {"p_value", canary.p_value}});
    }
    json["exposure"] = Json::array();
    for (const jobs::AuditedCanaries& group : result.by_times) {
      json["exposure"].push_back({{"times", group.times},
                                  {"canaries", group.count},
                                  {"found", group.found},
                                  {"mean_bits", group.bits},
                                  {"interval", interval_json(group.interval)}});
    }
  }
  json["notes"] = result.notes;
  return json;
}

std::string share_text(const jobs::AuditShare& share) {
  if (share.all == 0) return fmt::format("{:>9} {:18}", "-", "");
  return fmt::format("{:>8.2f}% [{:6.2f}, {:6.2f}]", 100 * share.value(), 100 * share.interval.low,
                     100 * share.interval.high);
}

std::string audit_text(const jobs::AuditResult& result, const jobs::AuditAsked& asked) {
  std::string out = fmt::format(
      "{}: {} tokens of a document given, {} added; shares with 95 % intervals\n\n"
      "text      decoding  texts  tokens  own next words              words of any training text\n",
      result.model_name, asked.prefix_tokens, asked.new_tokens);
  for (const jobs::AuditedTexts& texts : result.texts) {
    for (const auto& length : texts.lengths) {
      out += fmt::format("{:9} {:8} {:6} {:7} {} {}\n", texts.training ? "training" : "held-out",
                         texts.sampled ? "sampled" : "greedy", length.own.all, length.tokens,
                         share_text(length.own), share_text(length.anywhere));
    }
  }
  out += fmt::format("\ntokens in passages of {} or more that stand in the training text\n",
                     asked.least_tokens);
  for (const jobs::AuditedTexts& texts : result.texts) {
    out +=
        fmt::format("{}  the model's after {} documents, {}\n", share_text(texts.recited),
                    texts.training ? "training" : "held-out", texts.sampled ? "sampled" : "greedy");
  }
  if (result.written) {
    out += fmt::format("{}  the held-out documents' own\n", share_text(*result.written));
  }
  if (result.by_times.empty()) return out;
  out += fmt::format(
      "\ncanaries: exposure in bits among {} texts; at most {:.1f}, and 1.4 on average for one "
      "that "
      "was never planted\n  times  canaries  found  mean\n",
      asked.candidates + 1, std::log2(asked.candidates + 1.0));
  for (const jobs::AuditedCanaries& group : result.by_times) {
    out += fmt::format("{:7} {:9} {:6} {:5.2f}", group.times, group.count, group.found, group.bits);
    if (group.interval) {
      out += fmt::format(" [{:.2f}, {:.2f}]", group.interval->low, group.interval->high);
    }
    out += "\n";
  }
  return out;
}

}  // namespace

int audit_command(const Arguments& words) {
  const AuditArguments a = parse_audit(words);
  const Messages messages(a.quiet);
  const InterruptScope interrupt;
  Progress progress(a.quiet);
  jobs::AuditAsked asked = audit_asked(a, messages);
  asked.interrupted = &interrupt.flag();
  asked.progress = [&](const char* what, std::uint64_t done, std::uint64_t all) {
    if (interrupt.interrupted()) throw Interrupted{};
    progress.show([&] { return fmt::format("{} {} of {}", what, done, all); });
  };
  try {
    const jobs::AuditResult result = jobs::audit(asked);
    progress.clear();
    if (result.held_out_in_index > 0) {
      messages.note(fmt::format("{} held-out documents were left out: they stand in the index",
                                result.held_out_in_index));
    }
    note_all(result.notes, messages);
    Output output(STDOUT_FILENO);
    if (a.json) {
      output.write(audit_json(result, asked).dump(-1, ' ', false, Json::error_handler_t::replace) +
                   "\n");
    } else {
      output.write(visible(audit_text(result, asked)));
    }
    output.flush();
  } catch (const Interrupted&) {
    progress.clear();
    messages.note("interrupted");
    return kExitInterrupted;
  }
  return kExitFine;
}

}  // namespace medgen::cli
