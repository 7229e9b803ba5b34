// See the header.
#include "jobs/reproduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "batch/journal.h"
#include "engine/settings.h"
#include "jobs/batch_slots.h"
#include "medgen/error.h"
#include "medgen/generate.h"
#include "medgen/version.h"
#include "records/record_file.h"

namespace medgen::jobs {
namespace {

// How a record's model was run.
using BackendAndPrecision = std::pair<std::string, std::string>;  // back end, precision

std::string then_and_now(const std::string& what, const std::string& then, const std::string& now) {
  return fmt::format("{}: {} then, {} now", what, then, now);
}

// What has changed since the record was made.
std::vector<std::string> changes(const records::RecordedRun& run, const ModelFiles& model,
                                 const BackendInfo& backend, const Request& request) {
  std::vector<std::string> found;
  const auto check = [&](const char* what, const std::string& then, const std::string& now) {
    if (then != now) found.push_back(then_and_now(what, then, now));
  };
  check("model", run.model_sha256.substr(0, 12), model.sha256.substr(0, 12));
  check("version of medgen", run.medgen, std::string(version()));
  check("back end", run.backend, backend.name);
  check("precision", run.precision, backend.precision);
  check("tokens of the prompt", fmt::format("{}", run.prompt_tokens),
        fmt::format("{}", request.prompt.size()));
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
  Reproduction(std::vector<Trial>& trials, const BackendAndPrecision& kind, const ModelFiles& model,
               const BackendInfo& backend)
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
    if (!trial.differences.empty()) {
      trial.why.insert(trial.why.begin(), trial.recorded.doubts.begin(),
                       trial.recorded.doubts.end());
    }
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
    const Specials specials = run.specials ? Specials::kParse : Specials::kAsText;
    request.prompt =
        run.prompt_ids.empty() ? prompt_tokens(model_, run.prompt, specials) : run.prompt_ids;
    // The record's was cut to fit.
    if (request.prompt.size() > run.prompt_tokens && run.prompt_tokens > 0) {
      request.prompt.erase(request.prompt.begin(),
                           request.prompt.end() - static_cast<std::ptrdiff_t>(run.prompt_tokens));
    }
    return request;
  }

  std::vector<Trial>& trials_;
  const BackendAndPrecision& kind_;
  const ModelFiles& model_;
  const BackendInfo& backend_;
  std::size_t next_ = 0;
};

// As the record says, where the user does not.
BackendOptions options_for(const ReproduceAsked& asked, const BackendAndPrecision& kind,
                           const ModelFiles& model, int beams) {
  BackendOptions options = asked.backend;
  if (asked.any_backend) options.backend = parse_backend_kind(kind.first);
  if (asked.any_precision && options.backend == BackendKind::kNative) {
    options.precision = parse_weight_precision(kind.second);
  }
  options.max_slots = asked.slots.value_or(std::max(automatic_slots(model.config), beams));
  return options;
}

void reproduce_kind(std::vector<Trial>& trials, const BackendAndPrecision& kind,
                    const ModelFiles& model, const ReproduceAsked& asked, bool last,
                    const std::atomic<bool>& stop) {
  int beams = 2;  // guidance takes two
  for (const Trial& trial : trials) {
    beams = std::max(beams, trial.recorded.settings.sampling.num_beams);
  }
  std::unique_ptr<Backend> backend;
  try {
    backend = open_backend(model, options_for(asked, kind, model, beams));
  } catch (const Error& error) {
    if (!asked.any_backend || !asked.any_precision || error.code() == ErrorCode::kModel) throw;
    for (Trial& trial : trials) {
      records::RecordedRun& run = trial.recorded;
      if (!run.obstacle && BackendAndPrecision(run.backend, run.precision) == kind)
        run.obstacle = error.what();
    }
    return;
  }
  if (last && asked.loaded) asked.loaded();
  Reproduction reproduction(trials, kind, model, backend->info());
  generate(*backend, *model.tokenizer, reproduction, reproduction, {.interrupted = &stop});
}

}  // namespace

Verdict verdict_of(const Trial& trial) {
  if (trial.recorded.failed) return Verdict::kSkipped;
  if (trial.recorded.obstacle) return Verdict::kNotMade;
  return trial.differences.empty() ? Verdict::kEqual : Verdict::kDiffers;
}

std::vector<Trial> read_trials(const std::string& file) {
  std::vector<Trial> trials;
  records::read_records(file, [&](const records::RecordReader& record) {
    trials.push_back({record.run(), {}, {}});
  });
  if (trials.empty()) {
    throw Error(ErrorCode::kUsage, file +
                                       " holds no records: give what generate `json`, batch or "
                                       "sweep wrote");
  }
  return trials;
}

void reproduce(std::vector<Trial>& trials, const ReproduceAsked& asked,
               const std::atomic<bool>& stop) {
  std::set<BackendAndPrecision> kinds;
  for (const Trial& trial : trials) {
    const records::RecordedRun& run = trial.recorded;
    if (!run.obstacle) kinds.insert({run.backend, run.precision});
  }
  if (kinds.empty()) return;
  const ModelFiles model = open_model(asked.model, asked.tokenizer);
  for (const BackendAndPrecision& kind : kinds) {
    reproduce_kind(trials, kind, model, asked, kind == *kinds.rbegin(), stop);
  }
}

}  // namespace medgen::jobs
