// Recorded texts are made again and compared with what they were.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "jobs/model_files.h"
#include "records/compare.h"
#include "records/reader.h"

namespace medgen::jobs {

// A record and its result.
struct Trial {
  records::RecordedRun recorded;
  std::vector<records::Difference> differences;
  std::vector<std::string> why;  // what has changed
};

enum class Verdict { kEqual, kDiffers, kNotMade, kSkipped };  // the last: a row that failed
Verdict verdict_of(const Trial& trial);

// A trial for each record of a file. Throws Error(kUsage) if there are none.
std::vector<Trial> read_trials(const std::string& file);

struct ReproduceAsked {
  std::optional<std::string> model, tokenizer;  // see open_model()
  BackendOptions backend;
  bool any_backend = true, any_precision = true;  // as the record says, whatever `backend` does
  std::optional<int> slots;                       // unset: by the model's size and the free memory
  std::function<void()> loaded = {};              // called once nothing more needs to be loaded
};

// Runs every record that can be. Without any to run, no model is opened.
void reproduce(std::vector<Trial>& trials, const ReproduceAsked& asked,
               const std::atomic<bool>& stop);

}  // namespace medgen::jobs
