// `medgen reproduce`: makes recorded texts again and says what is equal, what differs and why.
#include "jobs/reproduce.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/options/option_words.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/terminal.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

using jobs::Trial;
using jobs::Verdict;
using Json = nlohmann::ordered_json;
constexpr std::size_t kMaxListed = 20;

struct ReproduceArguments {
  std::optional<std::string> file, model, tokenizer;
  std::optional<int> slots;
  BackendArguments backend;
  bool json = false, quiet = false;
};

ReproduceArguments parse_reproduce(const Arguments& words) {
  ReproduceArguments a;
  CommandLine line(
      "medgen reproduce",
      "Regenerates each record of an output of generate --json, batch or sweep, in JSON or "
      "as a table, from its prompt, settings and seed, and says what is identical, what "
      "differs and why it might: another model, version, back end, precision or "
      "setting. Runs in the precision of the record unless told otherwise. Records of "
      "rows that failed are skipped and counted. Exit status 1: something differs or "
      "could not be regenerated.");
  line.positional(reads("FILE"), a.file, true, "What generate --json, batch or sweep wrote.");
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.backend);
  declare_slots(line, a.slots);
  line.flag("--json", a.json, "Print one JSON object instead of a table.");
  line.flag("--quiet", a.quiet, "Print no notes on standard error.");
  line.config_file();
  line.parse(words);
  validate_slots(a.slots);
  return a;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kEqual:
      return "equal";
    case Verdict::kDiffers:
      return "differs";
    case Verdict::kNotMade:
      return "not made";
    case Verdict::kSkipped:
      return "skipped";
  }
  return "unknown";
}

bool is_as_it_should_be(const Trial& trial) {
  const Verdict verdict = verdict_of(trial);
  return verdict == Verdict::kEqual || verdict == Verdict::kSkipped;
}

// What the table groups by.
std::string reason_of(const Trial& trial) {
  if (trial.recorded.obstacle) return with_flags(*trial.recorded.obstacle);
  if (trial.differences.empty() && trial.why.empty()) return "nothing has changed";
  if (trial.why.empty()) return "model, version, back end, precision and settings are unchanged";
  return fmt::format("{}", fmt::join(trial.why, "; "));
}

std::string place_of(const records::RecordedRun& run) {
  std::string text = fmt::format("line {}", run.line);
  if (!run.id.is_null()) text += ", id " + run.id.dump();
  if (!run.setting.is_null()) text += ", setting " + run.setting.dump();
  return text;
}

std::string described(const records::Difference& difference) {
  std::string text =
      fmt::format("sample {}: {}", difference.index, fmt::join(difference.fields, ", "));
  if (difference.first_byte) text += fmt::format(" from byte {} on", *difference.first_byte);
  return text;
}

void print_table(Output& output, const std::vector<Trial>& trials) {
  std::map<std::pair<Verdict, std::string>, std::size_t> groups;
  for (const Trial& trial : trials) ++groups[{verdict_of(trial), reason_of(trial)}];
  output.write("records  result    why\n");
  for (const auto& [group, count] : groups) {
    output.write(
        fmt::format("{:>7}  {:<8}  {}\n", count, name_of(group.first), visible(group.second)));
  }
  std::size_t listed = 0, left = 0;
  for (const Trial& trial : trials) {
    if (is_as_it_should_be(trial)) continue;
    if (listed == kMaxListed) {
      ++left;
      continue;
    }
    if (listed++ == 0) output.write("\n");
    output.write(
        fmt::format("{}: {}\n", visible(place_of(trial.recorded)), name_of(verdict_of(trial))));
    for (const records::Difference& difference : trial.differences) {
      output.write("    " + visible(described(difference)) + "\n");
    }
  }
  if (left > 0) output.write(fmt::format("... and {} more; --json lists them all\n", left));
}

Json json_of(const Trial& trial) {
  const records::RecordedRun& run = trial.recorded;
  Json json{{"line", run.line}, {"id", run.id}};
  if (!run.setting.is_null()) json["setting"] = run.setting;
  json["result"] = name_of(verdict_of(trial));
  json["differences"] = Json::array();
  for (const records::Difference& difference : trial.differences) {
    Json entry{{"index", difference.index}, {"fields", difference.fields}};
    if (difference.first_byte) entry["first_byte"] = *difference.first_byte;
    json["differences"].push_back(std::move(entry));
  }
  json["why"] = run.obstacle ? Json::array({with_flags(*run.obstacle)}) : Json(trial.why);
  return json;
}

void print_json(Output& output, const std::vector<Trial>& trials) {
  std::map<Verdict, std::size_t> counts;
  for (const Trial& trial : trials) ++counts[verdict_of(trial)];
  Json json{{"records", trials.size()},
            {"equal", counts[Verdict::kEqual]},
            {"differ", counts[Verdict::kDiffers]},
            {"not_made", counts[Verdict::kNotMade]},
            {"skipped", counts[Verdict::kSkipped]}};
  json["results"] = Json::array();
  for (const Trial& trial : trials) json["results"].push_back(json_of(trial));
  output.write(json.dump() + "\n");
}

}  // namespace

int reproduce_command(const Arguments& words) {
  const ReproduceArguments a = parse_reproduce(words);
  const jobs::ReproduceAsked asked{.model = a.model,
                                   .tokenizer = a.tokenizer,
                                   .backend = resolve(a.backend, Messages(a.quiet)),
                                   .any_backend = !a.backend.backend,
                                   .any_precision = !a.backend.precision,
                                   .slots = a.slots,
                                   .loaded = [] { finish_loading(safety::Writes::kNothing); }};
  std::vector<jobs::Trial> trials = jobs::read_trials(*a.file);
  const InterruptScope interrupt;
  jobs::reproduce(trials, asked, interrupt.flag());
  if (interrupt.interrupted()) return kExitInterrupted;
  Output output(STDOUT_FILENO);
  if (a.json) {
    print_json(output, trials);
  } else {
    print_table(output, trials);
  }
  output.flush();
  const bool fine = std::all_of(trials.begin(), trials.end(), is_as_it_should_be);
  return fine ? kExitFine : static_cast<int>(ErrorCode::kRuntime);
}

}  // namespace medgen::cli
