// Training through the torch room: it learns, it goes on where it stopped, and its product runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "corpus/token_stream.h"
#include "medgen/bundle.h"
#include "medgen/error.h"
#include "temporary_folder.h"
#include "torch/train_options.h"
#include "wiring/torch_module.h"

namespace medgen {
namespace {

using ::testing::HasSubstr;

// A page of text whose every line can be told from its beginning.
std::string page() {
  std::string text;
  for (int i = 0; i < 12; ++i) {
    const std::string letter(1, static_cast<char>('a' + i));
    text += "{\"text\": \"" + letter + " fever and a cough for " + letter + letter +
            " days, then rest and " + letter + " glass of water helped.\"}\n";
  }
  return text;
}

class Recorder : public TrainObserver {
 public:
  void on_start(std::int64_t, std::int64_t, std::int64_t first) override { first_step = first; }
  void on_progress(const TrainProgress& progress) override {
    losses.push_back(progress.loss);
    last_step = progress.step;
  }
  void on_validation(const ValidationResult& result) override { validation = result; }
  void on_checkpoint(std::int64_t, const std::filesystem::path&) override {}
  bool interrupted() override { return stop_after >= 0 && last_step >= stop_after; }

  std::int64_t stop_after = -1;
  std::int64_t first_step = -1;
  std::int64_t last_step = 0;
  std::vector<double> losses;
  ValidationResult validation;
};

class TrainTest : public ::testing::Test {
 protected:
  TrainTest() {
    // The fixture's tokenizer: bytes and a few merges.
    options_.tokenizer = std::filesystem::path(MEDGEN_FIXTURES) / "checkpoints" / "tokenizer";
    options_.data = {folder_.write("page.jsonl", page())};
    options_.valid = options_.data.front();
    options_.work_dir = folder_ / "work";
    options_.output = folder_ / "out";
    options_.storage = StorageType::kFloat32;
    options_.n_layer = 2;
    options_.n_head = 2;
    options_.n_embd = 32;
    options_.n_positions = 32;
    options_.batch_windows = 8;
    options_.micro_batch_windows = 8;
    options_.warmup_tokens = 2000;
    options_.threads = 1;
    options_.log_every_steps = 1;
    set_steps(30);
  }

  void set_steps(std::int64_t steps) { options_.tokens = steps * 8 * 32; }

  Recorder run() {
    Recorder recorder;
    torch_room().train(options_, recorder);
    return recorder;
  }

  TemporaryFolder folder_;
  TrainOptions options_;
};

TEST_F(TrainTest, LearnsAPageByHeartWithEitherOptimizer) {
  set_steps(400);
  const Recorder muon = run();
  EXPECT_GT(muon.losses.front(), 5.0);  // ln 277 is 5.6
  EXPECT_LT(muon.losses.back(), 0.15);
  options_.optimizer = "adamw";
  options_.learning_rate = 0.01;
  options_.work_dir = folder_ / "work2";
  options_.output = folder_ / "out2";
  const Recorder adamw = run();
  EXPECT_LT(adamw.losses.back(), 0.3);
}

TEST_F(TrainTest, ResumedEqualsUninterrupted) {
  const Recorder whole = run();
  options_.work_dir = folder_ / "stopped";
  options_.output = folder_ / "out2";
  Recorder first;
  first.stop_after = 11;
  torch_room().train(options_, first);
  EXPECT_EQ(first.last_step, 11);
  EXPECT_FALSE(std::filesystem::exists(options_.output));
  const Recorder second = run();
  EXPECT_EQ(second.first_step, 11);
  std::vector<double> joined = first.losses;
  joined.insert(joined.end(), second.losses.begin(), second.losses.end());
  EXPECT_EQ(joined, whole.losses);
  EXPECT_EQ(Bundle::open(options_.output).sha256(), Bundle::open(folder_ / "out").sha256());
}

TEST_F(TrainTest, SeedsMatter) {
  const Recorder one = run();
  options_.seed = 2;
  options_.work_dir = folder_ / "work2";
  options_.output = folder_ / "out2";
  EXPECT_NE(run().losses, one.losses);
}

TEST_F(TrainTest, MicroBatchesOnlyRound) {
  const Recorder one = run();
  options_.micro_batch_windows = 2;
  options_.work_dir = folder_ / "work2";
  options_.output = folder_ / "out2";
  const Recorder parts = run();
  EXPECT_NEAR(parts.losses[0], one.losses[0], 1e-5);
  EXPECT_NEAR(parts.losses[1], one.losses[1], 1e-3);
}

// The held-out loss that training reports, computed again from the bundle through Backend.
TEST_F(TrainTest, HeldOutLossIsThatOfTheBundle) {
  const Recorder recorder = run();
  const Bundle bundle = Bundle::open(options_.output);
  const auto backend = torch_room().open_backend(bundle.model_pt(), bundle.config(),
                                                 {.max_slots = 1, .threads = 1, .device = "cpu"});
  std::vector<Document> documents;
  read_documents(options_.valid, [&](Document&& d) { documents.push_back(std::move(d)); });
  const EvaluationText text = evaluation_windows(documents, bundle.tokenizer(), 32);
  double nll = 0;
  for (const auto& window : text.windows) {
    std::vector<Row> rows;
    const int slot = backend->acquire_slot();
    for (int i = 0; i + 1 < static_cast<int>(window.size()); ++i) {
      rows.push_back({.slot = slot, .token = window[i], .position = i, .want_logits = true});
    }
    const auto logits = backend->step(rows);
    const auto vocabulary = static_cast<std::size_t>(backend->info().vocab_size);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = logits.subspan(i * vocabulary, vocabulary);
      double sum = 0;
      for (const float value : row) sum += std::exp(static_cast<double>(value));
      nll += std::log(sum) - row[static_cast<std::size_t>(window[i + 1])];
    }
    backend->release_slot(slot);
  }
  EXPECT_NEAR(recorder.validation.loss, nll / static_cast<double>(text.tokens), 1e-4);
  EXPECT_NEAR(recorder.validation.bits_per_byte,
              nll / std::log(2.0) / static_cast<double>(text.bytes), 1e-4);
  EXPECT_TRUE(recorder.validation.whole);
}

TEST_F(TrainTest, WritesMetrics) {
  run();
  const std::string metrics = read_file(options_.work_dir / "metrics.jsonl", 1 << 20);
  const auto first = nlohmann::json::parse(metrics.substr(0, metrics.find('\n')));
  EXPECT_EQ(first.at("step"), 1);
  EXPECT_GT(first.at("loss").get<double>(), 4.0);
  EXPECT_THAT(metrics, HasSubstr("valid_bits_per_byte"));
}

TEST_F(TrainTest, RefusesWhatCannotWork) {
  const auto refused = [&](const char* part, auto change) {
    const TrainOptions saved = options_;
    change();
    try {
      run();
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
    options_ = saved;
    EXPECT_FALSE(std::filesystem::exists(options_.output));
  };
  refused("exists", [&] { options_.output = folder_.path(); });
  refused("n_head", [&] { options_.n_head = 3; });
  refused("no training text", [&] { options_.data.clear(); });
  refused("learning-rate", [&] { options_.learning_rate = std::nan(""); });
  refused("micro-batch-windows", [&] { options_.micro_batch_windows = 3; });
  refused("optimizer", [&] { options_.optimizer = "sgd"; });
  refused("no text to train on", [&] { options_.data = {folder_.write("empty.jsonl", "")}; });
  refused("the loss is not a number", [&] {
    options_.learning_rate = 10;
    options_.muon_learning_rate = 10;
    options_.warmup_tokens = 0;
    options_.weight_decay = 10;
    options_.work_dir = folder_ / "diverges";
    set_steps(300);
  });
}

TEST_F(TrainTest, RefusesACheckpointOfOtherSettings) {
  Recorder first;
  first.stop_after = 3;
  torch_room().train(options_, first);
  options_.n_embd = 16;
  try {
    run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("other settings"));
  }
}

TEST_F(TrainTest, ADamagedCheckpointIsSaidToBe) {
  Recorder first;
  first.stop_after = 3;
  torch_room().train(options_, first);
  std::filesystem::resize_file(options_.work_dir / "checkpoint.pt", 1000);
  try {
    run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("damaged"));
  }
}

}  // namespace
}  // namespace medgen
