// Training through the torch room: it learns, and its product runs.
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "corpus/token_stream.h"
#include "parity/torch_backend.h"
#include "parity/train_support.h"

namespace medgen {
namespace {

using ::testing::HasSubstr;

TEST_F(TrainTest, LearnsAPageByHeartWithEitherOptimizer) {
  set_steps(400);
  const Recorder muon = run();
  EXPECT_GT(muon.losses.front(), 5.0);  // ln 277 is 5.6
  EXPECT_LT(muon.losses.back(), 0.15);
  options_.optimizer = "adamw";
  options_.learning_rate = 0.01;
  start_anew("adamw");
  const Recorder adamw = run();
  EXPECT_LT(adamw.losses.back(), 0.3);
}

// Companion: learning is what brings the loss down.
TEST_F(TrainTest, LearnsNothingAtAVanishingRate) {
  options_.learning_rate = 1e-12;
  options_.muon_learning_rate = 1e-12;
  EXPECT_GT(run().losses.back(), 5.0);
}

TEST_F(TrainTest, SeedsMatter) {
  const Recorder one = run();
  options_.seed = 2;
  start_anew("second");
  EXPECT_NE(run().losses, one.losses);
}

TEST_F(TrainTest, MicroBatchesAndThreadsOnlyRound) {
  options_.dropout = 0.1;  // whose mask must not depend on them either
  const Recorder one = run();
  const auto expect_close = [&](const char* name) {
    start_anew(name);
    const Recorder other = run();
    EXPECT_NEAR(other.losses[0], one.losses[0], 1e-5) << name;
    EXPECT_NEAR(other.losses[1], one.losses[1], 1e-3) << name;
  };
  options_.micro_batch_windows = 2;
  expect_close("parts");
  options_.threads = 3;
  expect_close("threads");
}

TEST_F(TrainTest, DropoutIsUsedInTrainingAndNotInMeasuring) {
  options_.learning_rate = 1e-12;
  options_.muon_learning_rate = 1e-12;
  set_steps(2);
  const Recorder without = run();
  options_.dropout = 0.5;
  start_anew("dropout");
  const Recorder with = run();
  EXPECT_GT(std::fabs(with.losses[0] - without.losses[0]), 1e-4);
  EXPECT_NEAR(with.validation.loss, without.validation.loss, 1e-6);
}

TEST_F(TrainTest, LearnsInBfloat16Too) {
  set_steps(60);
  options_.learning_rate = 0.005;
  const Recorder single = run();
  options_.precision = "bf16";
  start_anew("bf16");
  const Recorder half = run();
  EXPECT_NE(half.losses, single.losses);
  EXPECT_NEAR(half.losses.front(), single.losses.front(), 0.01);
  EXPECT_NEAR(half.losses.back(), single.losses.back(), 0.15);
  const auto record =
      nlohmann::json::parse(base::read_file(options_.output / "training.json", 1 << 20));
  EXPECT_EQ(record.at("machine").at("precision"), "bf16");
}

TEST_F(TrainTest, FollowsTheCosine) {
  options_.schedule = "cosine";
  run();
  const std::string metrics = base::read_file(options_.work_dir / "metrics.jsonl", 1 << 20);
  std::istringstream lines(metrics);
  std::string line;
  for (int step = 1; step <= 20; ++step) std::getline(lines, line);
  const double at = 19.5 * 8 * 32;
  const double expected = 0.5 * (1 + std::cos(M_PI * (at - 2000) / (30 * 8 * 32 - 2000)));
  EXPECT_NEAR(nlohmann::json::parse(line).at("rate_factor").get<double>(), expected, 1e-12);
}

TEST_F(TrainTest, TakesTheShapeOfAConfigFile) {
  options_.config = folder_.write("config.json", R"({"vocab_size": 320, "n_positions": 16,
      "n_embd": 24, "n_layer": 1, "n_head": 3, "n_inner": 40, "activation_function": "relu"})");
  run();
  const ModelConfig config = Bundle::open(options_.output).config();
  EXPECT_EQ(config.vocab_size, 320);
  EXPECT_EQ(config.n_inner, 40);
  EXPECT_EQ(config.activation_function, "relu");
}

TEST_F(TrainTest, RecordsEverySettingInWorkFolderAndBundle) {
  options_.dropout = 0.25;
  run();
  const std::string text = base::read_file(options_.output / "training.json", 1 << 20);
  EXPECT_EQ(text, base::read_file(options_.work_dir / "training.json", 1 << 20));
  const auto record = nlohmann::json::parse(text);
  EXPECT_EQ(record.at("settings").at("dropout"), 0.25);
  EXPECT_EQ(record.at("settings").at("seed"), 1);
  EXPECT_EQ(record.at("data").at("documents"), 12);
  EXPECT_EQ(record.at("result").at("steps"), 30);
  EXPECT_EQ(text.find(folder_.path().string()), std::string::npos) << "names no folder";
  const std::vector<BundleFile> files = Bundle::open(options_.output).manifest().files;
  EXPECT_TRUE(std::any_of(files.begin(), files.end(),
                          [](const BundleFile& file) { return file.name == "training.json"; }));
}

TEST_F(TrainTest, UsesTheAnnealDataWhileTheRateFalls) {
  options_.constant_fraction = 0.5;
  const Recorder plain = run();
  EXPECT_EQ(plain.anneal_reports, 0);
  options_.anneal_data = {
      folder_.write("other.jsonl", "{\"text\": \"zzzz qqqq xxxx vvvv jjjj kkkk wwww yyyy\"}\n")};
  start_anew("anneal");
  const Recorder anneal = run();
  EXPECT_EQ(anneal.anneal_reports, 15);
  for (std::size_t step = 0; step < 15; ++step) {
    EXPECT_EQ(anneal.losses[step], plain.losses[step]) << step;
  }
  EXPECT_GT(anneal.losses[15], plain.losses[15] + 0.5);  // text that was never seen
}

TEST_F(TrainTest, StopsEarlyAndKeepsTheBestModel) {
  options_.valid = folder_.write("valid.jsonl", "{\"text\": \"Zwei Tage Ruhe, quickly!\"}\n");
  options_.early_stop_patience = 3;
  options_.valid_every_steps = 5;
  set_steps(400);
  const Recorder recorder = run();
  EXPECT_LT(recorder.last_step, 300);
  EXPECT_THAT(recorder.notes, HasSubstr("without a better held-out loss"));
  double best = 1e9;
  std::istringstream metrics(base::read_file(options_.work_dir / "metrics.jsonl", 1 << 20));
  for (std::string line; std::getline(metrics, line);) {
    best = std::min(best, nlohmann::json::parse(line).value("valid_loss", 1e9));
  }
  EXPECT_NEAR(recorder.validation.loss, best, 1e-6);  // the last measure is of the bundle's model
  options_.early_stop_patience = 0;
  start_anew("to-the-end");
  const Recorder whole = run();
  EXPECT_EQ(whole.last_step, 400);
  EXPECT_GT(whole.validation.loss, best + 0.01);
}

// The held-out loss that training reports, computed again from the bundle through Backend.
TEST_F(TrainTest, HeldOutLossIsThatOfTheBundle) {
  const Recorder recorder = run();
  const Bundle bundle = Bundle::open(options_.output);
  const auto backend = open_in_libtorch(bundle.model_pt(), bundle.config(),
                                        {.max_slots = 1, .threads = 1, .device = "cpu"});
  std::vector<corpus::Document> documents;
  corpus::read_documents(options_.valid,
                         [&](corpus::Document&& d) { documents.push_back(std::move(d)); });
  const corpus::EvaluationText text = corpus::evaluation_windows(documents, bundle.tokenizer(), 32);
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
  const std::string metrics = base::read_file(options_.work_dir / "metrics.jsonl", 1 << 20);
  const auto first = nlohmann::json::parse(metrics.substr(0, metrics.find('\n')));
  EXPECT_EQ(first.at("step"), 1);
  EXPECT_GT(first.at("loss").get<double>(), 4.0);
  EXPECT_THAT(metrics, HasSubstr("valid_bits_per_byte"));
}

TEST_F(TrainTest, RefusesWhatCannotWork) {
  const auto refused = [&](const char* part, auto change) {
    const train::TrainOptions saved = options_;
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
  refused("window is 64", [&] { options_.window = 64; });
  refused("names no source", [&] { options_.weights = {{"nowhere", 2}}; });
  refused("dropout", [&] { options_.dropout = 1; });
  refused("precision", [&] { options_.precision = "fp8"; });
  refused("cuda", [&] { options_.device = "cuda"; });
  refused("schedule", [&] { options_.schedule = "linear"; });
  refused("freeze", [&] { options_.freeze = {"0-2"}; });
  refused("freeze", [&] { options_.freeze = {"everything"}; });
  refused("no tokenizer", [&] { options_.tokenizer.clear(); });
  refused("needs `anneal_data`", [&] { options_.anneal_weights = {{"page", 2}}; });
  refused("`early_stop_patience` needs held-out text", [&] {
    options_.early_stop_patience = 2;
    options_.valid.clear();
  });
  refused("optimizer", [&] { options_.optimizer = "sgd"; });
  refused("no text to train on", [&] { options_.data = {folder_.write("empty.jsonl", "")}; });
}

TEST_F(TrainTest, ALossThatIsNoNumberStopsAndLeavesTheLastGoodCheckpoint) {
  options_.learning_rate = 10;
  options_.muon_learning_rate = 10;
  options_.warmup_tokens = 0;
  options_.weight_decay = 10;  // each step makes the parameters a hundred times larger
  options_.checkpoint_every_steps = 1;
  set_steps(300);
  const std::string error = refusal();
  EXPECT_THAT(error, HasSubstr("the loss is not a number at step "));
  EXPECT_THAT(error, HasSubstr("the last good checkpoint, of step "));
  EXPECT_FALSE(std::filesystem::exists(options_.output));
  // The checkpoint holds numbers: the run resumes from it and ends the same way.
  Recorder again;
  EXPECT_THROW(wiring::torch_room().train(options_, again), Error);
  EXPECT_GT(again.first_step, 0);
  EXPECT_THAT(error, HasSubstr("of step " + std::to_string(again.first_step) + ","));
}

TEST_F(TrainTest, RemovesWhatAKilledRunLeftHalfWritten) {
  std::filesystem::create_directories(options_.work_dir);
  const std::filesystem::path half = options_.work_dir / ".checkpoint.pt.new-123";
  base::write_file(half, "half a checkpoint");
  run();
  EXPECT_FALSE(std::filesystem::exists(half));
}

}  // namespace
}  // namespace medgen
