// A tiny model and a page of text, shared by the tests of training.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "bundle/torchscript_weights.h"
#include "medgen/bundle.h"
#include "medgen/error.h"
#include "needs_torch.h"
#include "places.h"
#include "temporary_folder.h"
#include "train/train_options.h"
#include "wiring/torch_module.h"

namespace medgen {

// A page of text in which every line is known from its beginning.
inline std::string page() {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    const std::string letter(1, static_cast<char>('a' + i));
    text += "{\"text\": \"" + letter + " fever and a cough for " + letter + letter +
            " days, then rest and " + letter + " glass of water helped.\"}\n";
  }
  return text;
}

class Recorder : public train::TrainObserver {
 public:
  void on_start(std::int64_t, std::int64_t, std::int64_t first) override { first_step = first; }
  void on_note(const std::string& note) override { notes += note + "\n"; }
  void on_progress(const train::TrainProgress& progress) override {
    losses.push_back(progress.loss);
    if (progress.anneal) ++anneal_reports;
    last_step = progress.step;
  }
  void on_validation(const train::ValidationResult& result) override {
    validation = result;
    ++validations;
  }
  void on_checkpoint(std::int64_t, const std::filesystem::path&) override {}
  bool interrupted() override { return stop_after >= 0 && last_step >= stop_after; }

  std::int64_t stop_after = -1;
  std::int64_t first_step = -1;
  std::int64_t last_step = 0;
  int anneal_reports = 0;
  std::vector<double> losses;
  std::string notes;
  train::ValidationResult validation;
  int validations = 0;
};

class TrainTest : public ::testing::Test {
 protected:
  void SetUp() override { MEDGEN_NEEDS_TORCH(); }

  TrainTest() {
    // The fixture's tokenizer: bytes and a few merges.
    options_.tokenizer = std::filesystem::path(MEDGEN_FIXTURES) / "checkpoints" / "tokenizer";
    options_.data = {folder_.write("page.jsonl", page())};
    options_.valid = options_.data.front();
    options_.work_dir = folder_ / "work";
    options_.output = folder_ / "out";
    options_.storage = bundle::StorageType::kFloat32;
    options_.n_layer = 2;
    options_.n_head = 2;
    options_.n_embd = 32;
    options_.n_positions = 32;
    options_.batch_windows = 8;
    options_.micro_batch_windows = 8;
    options_.warmup_tokens = 2000;
    options_.threads = 1;
    options_.precision = "fp32";  // auto depends on the processor
    options_.log_every_steps = 1;
    set_steps(30);
  }

  void set_steps(std::int64_t steps) { options_.tokens = steps * 8 * 32; }

  Recorder run() {
    Recorder recorder;
    wiring::torch_room().train(options_, recorder);
    return recorder;
  }

  // A separate run with its own folders.
  void start_anew(const std::string& name) {
    options_.work_dir = folder_ / (name + "-work");
    options_.output = folder_ / (name + "-out");
  }

  void run_until(std::int64_t step) {
    Recorder recorder;
    recorder.stop_after = step;
    wiring::torch_room().train(options_, recorder);
    ASSERT_EQ(recorder.last_step, step);
  }

  std::string refusal() {
    try {
      run();
    } catch (const Error& error) {
      return error.what();
    }
    ADD_FAILURE() << "no error";
    return "";
  }

  // Another tokenizer than the one in `files`, by one merge.
  std::filesystem::path without_last_merge(const std::filesystem::path& files) {
    const std::filesystem::path other = folder_ / "tokenizer";
    std::filesystem::copy(files, other);
    const std::string merges = base::read_file(other / "merges.txt", 1 << 20);
    std::filesystem::remove(other / "merges.txt");
    base::write_file(other / "merges.txt",
                     merges.substr(0, merges.rfind('\n', merges.size() - 2) + 1));
    return other;
  }

  // Every parameter of a bundle, by name.
  static std::map<std::string, std::vector<float>> parameters_of(const std::filesystem::path& out) {
    std::map<std::string, std::vector<float>> values;
    const auto archive = bundle::TorchScriptWeights::open(out / "model.pt");
    for (const bundle::ParameterSpec& spec : archive.specs()) {
      values.emplace(spec.name, archive.read(spec.name));
    }
    return values;
  }

  TemporaryFolder folder_;
  train::TrainOptions options_;
};

}  // namespace medgen
