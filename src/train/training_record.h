// The record of a training run: every setting that gives the result its meaning, the data by
// checksum, and what was changed on the way. Kept in the checkpoint, beside it as training.json and
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

  // Takes over the history of the run that `checkpoint_json` records and whose checkpoint is of
  // `step`, adding what is different now; returns a sentence for each difference. Throws
  // Error(kUsage) naming the setting, its old and its new value, if a difference would change the
  // meaning of the run.
  std::vector<std::string> go_on(const std::string& checkpoint_json, std::int64_t step);

  // Whether go_on() found that the streams of windows must begin anew.
  bool main_data_changed() const { return main_data_changed_; }
  bool anneal_data_changed() const { return anneal_data_changed_; }

  // The latest step from which on something was different; 0 if nothing was.
  const nlohmann::ordered_json& history() const { return record_.at("history"); }
  void set_result(nlohmann::ordered_json result) { record_["result"] = std::move(result); }
  std::string text() const { return record_.dump(2) + "\n"; }

 private:
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
