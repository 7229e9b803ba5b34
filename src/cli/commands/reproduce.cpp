// `medgen reproduce`: makes recorded texts again and says what is equal, what differs and why.
#include <unistd.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "batch/journal.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/signals.h"
#include "engine/settings.h"
#include "jobs/batch_slots.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "medgen/version.h"
#include "records/compare.h"
#include "records/reader.h"

namespace medgen::cli {
namespace {

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
  CommandLine line("medgen reproduce",
                   "Regenerates each record of a JSON or JSONL output of generate --json, batch or "
                   "sweep from its prompt, settings and seed, and says what is identical, what "
                   "differs and why it might: another model, version, back end, precision or "
                   "setting. Runs in the precision of the record unless told otherwise. Exit "
                   "status 1: something differs or could not be regenerated.");
  line.positional("FILE", a.file, true, "What generate --json, batch or sweep wrote.");
  line.text("--model", "DIR|FILE.pt", a.model,
            "Model folder, or a TorchScript GPT-2 (with --tokenizer). Default: the model that "
            "comes with medgen.");
  line.text("--tokenizer", "DIR", a.tokenizer, "Tokenizer for a --model that is a .pt file.");
  declare(line, a.backend);
  line.number("--slots", a.slots,
              "Sequences computed together; 1 to 4096. Changes no result. Default: by the model's "
              "size and the free memory.");
  line.flag("--json", a.json, "Print one JSON object instead of a table.");
  line.flag("--quiet", a.quiet, "Print no notes on standard error.");
  line.config_file();
  line.parse(words);
  if (a.slots && (*a.slots < 1 || *a.slots > 4096)) {
    throw Error(ErrorCode::kUsage, "slots is " + std::to_string(*a.slots) +
                                       "; it must be from 1 to 4096: leave it out to have it "
                                       "chosen");
  }
  return a;
}

// A record and its result.
struct Trial {
  records::RecordedRun recorded;
  std::vector<records::Difference> differences;
  std::vector<std::string> why;  // what has changed
};

// How a record's model was run.
using BackendAndPrecision = std::pair<std::string, std::string>;  // back end, precision

std::string then_and_now(const std::string& what, const std::string& then, const std::string& now) {
  return what + ": " + then + " then, " + now + " now";
}

// What has changed since the record was made.
std::vector<std::string> changes(const records::RecordedRun& run, const jobs::ModelFiles& model,
                                 const BackendInfo& backend, const Request& request) {
  std::vector<std::string> found;
  const auto check = [&](const char* what, const std::string& then, const std::string& now) {
    if (then != now) found.push_back(then_and_now(what, then, now));
  };
  check("model", run.model_sha256.substr(0, 12), model.sha256.substr(0, 12));
  check("version of medgen", run.medgen, std::string(version()));
  check("back end", run.backend, backend.name);
  check("precision", run.precision, backend.precision);
  check("tokens of the prompt", std::to_string(run.prompt_tokens),
        std::to_string(request.prompt.size()));
  const engine::SettingsJson settings =
      engine::settings_json({request.sampling, request.stopping, request.num_return_sequences});
  for (const std::string& difference : batch::differences(run.sampling, settings)) {
    found.push_back("setting " + difference);
  }
  if (run.settings.stopping.max_time) {
    found.emplace_back("max_time is set, so the text depends on the machine's speed");
  }
  for (const Completion& completion : run.completions) {
    if (completion.finish_reason == FinishReason::kInterrupted) {
      found.emplace_back("the record was interrupted");
      break;
    }
  }
  return found;
}

// Hands out the records of one back end, and collects the results.
class Reproduction : public RequestSource, public GenerationObserver {
 public:
  Reproduction(std::vector<Trial>& trials, const BackendAndPrecision& kind,
               const jobs::ModelFiles& model, const BackendInfo& backend)
      : trials_(trials), kind_(kind), model_(model), backend_(backend) {}

  Next next(Request& request, bool) override {
    for (; next_ < trials_.size(); ++next_) {
      const records::RecordedRun& run = trials_[next_].recorded;
      if (run.obstacle || BackendAndPrecision(run.backend, run.precision) != kind_) continue;
      request = request_of(run);
      request.tag = next_++;
      return Next::kRequest;
    }
    return Next::kEnd;
  }
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t, const Completion&) override {}
  void on_request_finish(const Request& request, std::vector<Completion>&& now) override {
    Trial& trial = trials_[request.tag];
    trial.differences = records::compare(trial.recorded.completions, now);
    trial.why = changes(trial.recorded, model_, backend_, request);
    trial.recorded.completions.clear();
  }
  void on_request_failure(const Request& request, const Error& error) override {
    trials_[request.tag].recorded.obstacle = error.what();
  }

 private:
  Request request_of(const records::RecordedRun& run) const {
    Request request;
    request.id = run.key;
    request.num_return_sequences = run.settings.num_return_sequences;
    request.sampling = run.settings.sampling;
    request.stopping = run.settings.stopping;
    request.prompt = jobs::prompt_tokens(model_, run.prompt);
    // The record's was cut to fit.
    if (request.prompt.size() > run.prompt_tokens && run.prompt_tokens > 0) {
      request.prompt.erase(request.prompt.begin(),
                           request.prompt.end() - static_cast<std::ptrdiff_t>(run.prompt_tokens));
    }
    return request;
  }

  std::vector<Trial>& trials_;
  const BackendAndPrecision& kind_;
  const jobs::ModelFiles& model_;
  const BackendInfo& backend_;
  std::size_t next_ = 0;
};

// As the record says, where the user does not.
BackendOptions options_for(const ReproduceArguments& a, const BackendAndPrecision& kind,
                           const jobs::ModelFiles& model, int beams, const Messages& messages) {
  BackendOptions options = resolve(a.backend, messages);
  if (!a.backend.backend) options.backend = parse_backend_kind(kind.first);
  if (!a.backend.precision && options.backend == BackendKind::kNative) {
    options.precision = parse_weight_precision(kind.second);
  }
  options.max_slots = a.slots.value_or(std::max(jobs::automatic_slots(model.config), beams));
  return options;
}

void reproduce_all(std::vector<Trial>& trials, const BackendAndPrecision& kind,
                   const jobs::ModelFiles& model, const ReproduceArguments& a,
                   const Messages& messages, const std::atomic<bool>& stop) {
  int beams = 2;  // guidance takes two
  for (const Trial& trial : trials) {
    beams = std::max(beams, trial.recorded.settings.sampling.num_beams);
  }
  std::unique_ptr<Backend> backend;
  try {
    backend = jobs::open_backend(model, options_for(a, kind, model, beams, messages));
  } catch (const Error& error) {
    if (a.backend.backend || a.backend.precision || error.code() == ErrorCode::kModel) throw;
    for (Trial& trial : trials) {
      records::RecordedRun& run = trial.recorded;
      if (!run.obstacle && BackendAndPrecision(run.backend, run.precision) == kind)
        run.obstacle = error.what();
    }
    return;
  }
  Reproduction reproduction(trials, kind, model, backend->info());
  generate(*backend, *model.tokenizer, reproduction, reproduction, {.interrupted = &stop});
}

enum class Verdict { kEqual, kDiffers, kNotMade };

Verdict verdict_of(const Trial& trial) {
  if (trial.recorded.obstacle) return Verdict::kNotMade;
  return trial.differences.empty() ? Verdict::kEqual : Verdict::kDiffers;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kEqual:
      return "equal";
    case Verdict::kDiffers:
      return "differs";
    case Verdict::kNotMade:
      return "not made";
  }
  return "unknown";
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

// What the table groups by.
std::string reason_of(const Trial& trial) {
  if (trial.recorded.obstacle) return *trial.recorded.obstacle;
  if (trial.differences.empty() && trial.why.empty()) return "nothing has changed";
  if (trial.why.empty()) return "model, version, back end, precision and settings are unchanged";
  return joined(trial.why, "; ");
}

std::string place_of(const records::RecordedRun& run) {
  std::string text = "line " + std::to_string(run.line);
  if (!run.id.is_null()) text += ", id " + run.id.dump();
  if (!run.setting.is_null()) text += ", setting " + run.setting.dump();
  return text;
}

std::string described(const records::Difference& difference) {
  std::string text =
      "sample " + std::to_string(difference.index) + ": " + joined(difference.fields, ", ");
  if (difference.first_byte) text += " from byte " + std::to_string(*difference.first_byte) + " on";
  return text;
}

void print_table(Output& output, const std::vector<Trial>& trials) {
  std::map<std::pair<Verdict, std::string>, std::size_t> groups;
  for (const Trial& trial : trials) ++groups[{verdict_of(trial), reason_of(trial)}];
  output.write("records  result    why\n");
  for (const auto& [group, count] : groups) {
    std::string number = std::to_string(count);
    std::string result = name_of(group.first);
    number.insert(0, number.size() < 7 ? 7 - number.size() : 0, ' ');
    result.resize(8, ' ');
    output.write(number + "  " + result + "  " + group.second + "\n");
  }
  std::size_t listed = 0, left = 0;
  for (const Trial& trial : trials) {
    if (verdict_of(trial) == Verdict::kEqual) continue;
    if (listed == kMaxListed) {
      ++left;
      continue;
    }
    if (listed++ == 0) output.write("\n");
    output.write(place_of(trial.recorded) + ": " + name_of(verdict_of(trial)) + "\n");
    for (const records::Difference& difference : trial.differences) {
      output.write("    " + described(difference) + "\n");
    }
  }
  if (left > 0) output.write("... and " + std::to_string(left) + " more; --json lists them all\n");
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
  json["why"] = run.obstacle ? Json::array({*run.obstacle}) : Json(trial.why);
  return json;
}

void print_json(Output& output, const std::vector<Trial>& trials) {
  std::map<Verdict, std::size_t> counts;
  for (const Trial& trial : trials) ++counts[verdict_of(trial)];
  Json json{{"records", trials.size()},
            {"equal", counts[Verdict::kEqual]},
            {"differ", counts[Verdict::kDiffers]},
            {"not_made", counts[Verdict::kNotMade]}};
  json["results"] = Json::array();
  for (const Trial& trial : trials) json["results"].push_back(json_of(trial));
  output.write(json.dump() + "\n");
}

}  // namespace

int reproduce_command(const Arguments& words) {
  const ReproduceArguments a = parse_reproduce(words);
  const Messages messages(a.quiet);
  resolve(a.backend);  // refuses bad options before anything is read
  std::vector<Trial> trials;
  std::set<BackendAndPrecision> kinds;
  records::read_records(*a.file, [&](const records::RecordReader& record) {
    records::RecordedRun run = record.run();
    if (!run.obstacle) kinds.insert({run.backend, run.precision});
    trials.push_back({std::move(run), {}, {}});
  });
  if (trials.empty()) {
    throw Error(ErrorCode::kUsage, *a.file +
                                       " holds no records: give what generate --json, batch or "
                                       "sweep wrote");
  }
  const InterruptScope interrupt;
  if (!kinds.empty()) {
    const jobs::ModelFiles model = jobs::open_model(a.model, a.tokenizer);
    for (const BackendAndPrecision& kind : kinds)
      reproduce_all(trials, kind, model, a, messages, interrupt.flag());
  }
  if (interrupt.interrupted()) return kExitInterrupted;
  Output output(STDOUT_FILENO);
  if (a.json) {
    print_json(output, trials);
  } else {
    print_table(output, trials);
  }
  output.flush();
  const bool all_equal = std::all_of(trials.begin(), trials.end(), [](const Trial& trial) {
    return verdict_of(trial) == Verdict::kEqual;
  });
  return all_equal ? kExitFine : static_cast<int>(ErrorCode::kRuntime);
}

}  // namespace medgen::cli
