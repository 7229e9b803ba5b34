// The record of a training run.
#include "train/training_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "bundle/config.h"
#include "medgen/error.h"
#include "medgen/version.h"

namespace medgen::train {
namespace {

using json = nlohmann::ordered_json;

json settings_of(const TrainOptions& o, const TrainingData& data) {
  const auto sums = [](const std::vector<Bundle>& bundles) {
    json list = json::array();
    for (const Bundle& bundle : bundles) list.push_back(bundle.sha256());
    return list;
  };
  json settings = {{"model", base::parse_json<json>(bundle::config_to_json(data.config))},
                   {"from", data.from ? data.from->sha256() : ""},
                   {"average_with", sums(data.average_with)},
                   {"distil_from", sums(data.distil_from)},
                   {"distil_weight", data.distil_from.empty() ? 0 : o.distil_weight},
                   {"freeze", o.freeze},
                   {"tokenizer_sha256", data.tokenizer_fingerprint},
                   {"window", data.window},
                   {"batch_windows", o.batch_windows},
                   {"optimizer", o.optimizer},
                   {"learning_rate", o.learning_rate},
                   {"muon_learning_rate", o.muon_learning_rate},
                   {"weight_decay", o.weight_decay},
                   {"adamw_betas", {0.9, 0.95}},
                   {"adamw_epsilon", 1e-8},
                   {"muon_momentum", 0.95},
                   {"schedule", o.schedule},
                   {"tokens", o.tokens},
                   {"warmup_tokens", o.warmup_tokens},
                   {"constant_fraction", o.constant_fraction},
                   {"dropout", o.dropout},
                   {"max_gradient_norm", o.max_gradient_norm},
                   {"early_stop_patience", o.early_stop_patience},
                   {"identifiers", o.identifiers},
                   {"seed", o.seed}};
  // Their texts are the user's: who has them can ask the model for them.
  if (!o.canaries.empty()) {
    settings["canaries"] = {{"count", o.canaries.size()},
                            {"planted", std::count_if(o.canaries.begin(), o.canaries.end(),
                                                      [](const auto& c) { return c.times > 0; })},
                            {"sha256", corpus::canaries_fingerprint(o.canaries)}};
  }
  return settings;
}

json mixture_json(const std::vector<std::filesystem::path>& places,
                  const std::vector<corpus::SourceWeight>& weights, const Mixture& mixture) {
  json files = json::array();
  for (const auto& place : places) {
    const auto name = place.filename();
    files.push_back((name.empty() ? place.parent_path().filename() : name).string());
  }
  json named = json::object();
  for (const corpus::SourceWeight& entry : weights) named[entry.name] = entry.weight;
  return {{"files", files},
          {"weights", named},
          {"documents", mixture.documents->size()},
          {"bytes", mixture.documents->bytes()},
          {"sha256", mixture.fingerprint}};
}

// What runs did before medgen recorded these settings.
const json kUnrecorded = {{"average_with", json::array()},
                          {"distil_from", json::array()},
                          {"distil_weight", 0},
                          {"identifiers", "off"}};

[[noreturn]] void refuse_damaged() {
  throw Error(ErrorCode::kRuntime,
              "the record in the checkpoint is damaged; remove the checkpoint to start over");
}

// Settings whose change has its own rule, or that do not affect the result. What is masked changes
// the data, which are compared.
bool may_change(const std::string& name) {
  return name == "tokens" || name == "constant_fraction" || name == "early_stop_patience" ||
         name == "identifiers";
}

}  // namespace

TrainingRecord::TrainingRecord(const TrainOptions& options, const TrainingData& data, json machine)
    : options_(options), window_(data.window) {
  machine["micro_batch_windows"] = options.micro_batch_windows;
  record_ = {{"format_version", 1},
             {"medgen", std::string(version())},
             {"settings", settings_of(options, data)},
             {"data", mixture_json(options.data, options.weights, data.main)},
             {"anneal_data",
              data.anneal ? mixture_json(options.anneal_data, options.anneal_weights, *data.anneal)
                          : json(nullptr)},
             {"machine", std::move(machine)},
             {"history", json::array()}};
}

std::vector<std::string> TrainingRecord::go_on(const std::string& checkpoint_json,
                                               std::int64_t step) {
  if (checkpoint_json.empty()) {
    return {
        "the checkpoint is of an older medgen and records no settings: they cannot be compared"};
  }
  const auto before = base::parse_json<json>(checkpoint_json);
  if (before.is_discarded()) refuse_damaged();
  try {
    compare_with(before, step);
  } catch (const json::exception&) {  // a member is missing or of another type
    refuse_damaged();
  }
  return notes_;
}

void TrainingRecord::compare_with(const json& before, std::int64_t step) {
  if (!before.at("history").is_array()) refuse_damaged();
  record_["history"] = before.at("history");
  json settings = kUnrecorded;
  settings.update(before.at("settings"));
  for (const auto& [name, now] : record_["settings"].items()) {
    const json old = settings.value(name, json(nullptr));
    if (old == now) continue;
    if (!may_change(name)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("the checkpoint has different settings: {} was {} and is {} now. Use "
                              "the settings it was started with, or an empty `work_dir`.",
                              name, old.dump(), now.dump()));
    }
    change(name, old, now, step);
  }
  go_on_with_length(before.at("settings"), step);
  for (const char* name : {"data", "anneal_data"}) {
    const json& old = before.at(name);
    const json& now = record_[name];
    const auto sum = [](const json& mixture) {
      return mixture.is_null() ? std::string() : mixture.at("sha256").get<std::string>();
    };
    if (sum(old) == sum(now)) continue;
    const bool main = std::string(name) == "data";
    // Anneal data that no step has used yet may still be changed.
    const bool unseen =
        !main && step * static_cast<std::int64_t>(options_.batch_windows) * window_ <=
                     static_cast<std::int64_t>(schedule_of(options_, window_).fall_begins());
    if (!options_.continue_on_other_data && !unseen) {
      throw Error(
          ErrorCode::kUsage,
          fmt::format("the {} or their weights are not those that the checkpoint of step {} was "
                      "made with. Give `continue_on_other_data` to keep parameters and optimizer "
                      "and start the new data from its beginning, or use an empty `work_dir`.",
                      main ? "data" : "anneal data", step));
    }
    (main ? main_data_changed_ : anneal_data_changed_) = true;
    change(name, old, now, step);
  }
  for (const auto& [name, now] : record_["machine"].items()) {
    const json old = before.at("machine").value(name, json(nullptr));
    if (old != now) change(name, old, now, step);
  }
}

// Lengthening a run is sound only if every step so far had the same rate under both lengths.
void TrainingRecord::go_on_with_length(const json& before, std::int64_t step) {
  if (before.at("tokens") == record_["settings"]["tokens"] &&
      before.at("constant_fraction") == record_["settings"]["constant_fraction"]) {
    return;
  }
  const Schedule now = schedule_of(options_, window_);
  Schedule old = now;
  old.tokens = before.at("tokens").get<double>();
  old.constant_fraction = before.at("constant_fraction").get<double>();
  const bool same_so_far = step == 0 || (!old.falls_at(step - 1) && !now.falls_at(step - 1));
  if (same_so_far) return;
  throw Error(
      ErrorCode::kUsage,
      fmt::format(
          "tokens or constant-fraction can be changed only while the rate is constant; at step {} "
          "it {}. Use the settings the run was started with, or an empty `work_dir`.",
          step,
          old.falls_at(step - 1) ? "was already falling" : "would already have been falling"));
}

void TrainingRecord::change(const std::string& name, const json& before, const json& now,
                            std::int64_t step) {
  record_["history"].push_back(
      {{"after_step", step}, {"setting", name}, {"before", before}, {"now", now}});
  const bool short_text = !before.is_object() && !now.is_object();
  const std::string what = short_text ? fmt::format("was {} and is {}", before.dump(), now.dump())
                                      : std::string("is different");
  notes_.push_back(fmt::format("{} {} from step {} on", name, what, step + 1));
}

}  // namespace medgen::train
