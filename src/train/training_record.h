// The record of a training run: every setting that matters for the result, the data by
// checksum, and what changed along the way. Kept in the checkpoint, beside it as training.json and
// in the bundle. Decides what a resumed run may change. Nothing of libtorch here.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "train/train_options.h"
#include "train/training_data.h"

namespace medgen::train {

class TrainingRecord {
 public:
  // `machine` is what may change freely: threads, precision, device, libtorch.
  TrainingRecord(const TrainOptions& options, const TrainingData& data,
                 nlohmann::ordered_json machine);

  // Takes over the history of the run recorded in `checkpoint_json` whose checkpoint is of
  // `step`, adding what differs now; returns a sentence for each difference. Throws
  // Error(kUsage) naming the setting, its old and its new value, if a difference would change the
  // meaning of the run.
  std::vector<std::string> go_on(const std::string& checkpoint_json, std::int64_t step);

  // Whether go_on() found that the window streams must start over.
  bool main_data_changed() const { return main_data_changed_; }
  bool anneal_data_changed() const { return anneal_data_changed_; }

  // The latest step at which something changed; 0 if nothing did.
  const nlohmann::ordered_json& history() const { return record_.at("history"); }
  void set_result(nlohmann::ordered_json result) { record_["result"] = std::move(result); }
  std::string text() const { return record_.dump(2) + "\n"; }

 private:
  void compare_with(const nlohmann::ordered_json& before, std::int64_t step);
  void go_on_with_length(const nlohmann::ordered_json& before, std::int64_t step);
  void change(const std::string& name, const nlohmann::ordered_json& before,
              const nlohmann::ordered_json& now, std::int64_t step);

  const TrainOptions& options_;
  int window_;
  nlohmann::ordered_json record_;
  std::vector<std::string> notes_;
  bool main_data_changed_ = false;
  bool anneal_data_changed_ = false;
};

}  // namespace medgen::train
