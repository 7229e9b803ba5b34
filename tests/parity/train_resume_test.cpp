// Resuming from a checkpoint: what stays the same, what may change, what is refused.
#include <functional>
#include <nlohmann/json.hpp>

#include "parity/train_support.h"
#include "parity/zip_patch.h"

namespace medgen {
namespace {

using ::testing::HasSubstr;

class TrainResumeTest : public TrainTest {
 protected:
  std::string metrics() { return base::read_file(options_.work_dir / "metrics.jsonl", 1 << 20); }

  // Blanks a setting in the record that the checkpoint holds, as if its medgen had not known it.
  void forget(const std::string& setting, const std::string& value) {
    const std::filesystem::path path = options_.work_dir / "checkpoint.pt";
    const std::string archive = base::read_file(path, 1 << 26);
    const std::size_t begin = archive.find("{\n  \"format_version\"");
    ASSERT_NE(begin, std::string::npos);
    std::string record = archive.substr(begin, archive.find("\n}\n", begin) + 3 - begin);
    const std::string line = "\"" + setting + "\": " + value + ",";
    ASSERT_NE(record.find(line), std::string::npos) << setting;
    record.replace(record.find(line), line.size(), line.size(), ' ');
    const std::size_t header = archive.rfind("PK\3\4", begin);  // of the entry in the zip file
    const auto name_size = static_cast<unsigned char>(archive[header + 26]);
    ZipPatch patch(path);
    patch.replace(archive.substr(header + 30, name_size), record.data(), record.size());
    patch.finish();
  }
};

TEST_F(TrainResumeTest, ResumedEqualsUninterrupted) {
  options_.dropout = 0.1;
  options_.anneal_data = {options_.data.front()};
  const Recorder whole = run();
  start_anew("stopped");
  Recorder first;
  first.stop_after = 11;
  wiring::torch_room().train(options_, first);
  EXPECT_EQ(first.last_step, 11);
  EXPECT_FALSE(std::filesystem::exists(options_.output));
  Recorder again;
  again.stop_after = 20;  // among the anneal data
  wiring::torch_room().train(options_, again);
  const Recorder second = run();
  EXPECT_EQ(second.first_step, 20);
  std::vector<double> joined = first.losses;
  joined.insert(joined.end(), again.losses.begin(), again.losses.end());
  joined.insert(joined.end(), second.losses.begin(), second.losses.end());
  EXPECT_EQ(joined, whole.losses);
  EXPECT_EQ(Bundle::open(options_.output).sha256(), Bundle::open(folder_ / "out").sha256());
}

// Companion: a run that lost its place in the text ends elsewhere.
TEST_F(TrainResumeTest, TheComparisonSeesARunThatBeganItsTextAnew) {
  const Recorder whole = run();
  start_anew("stopped");
  run_until(11);
  options_.data.front() = folder_.write("copy.jsonl", page() + "{\"text\": \"one more\"}\n");
  options_.continue_on_other_data = true;
  const Recorder second = run();
  EXPECT_NE(second.losses.back(), whole.losses.back());
}

TEST_F(TrainResumeTest, ThreadsPrecisionAndIdentifiersMayChangeAndItIsRecorded) {
  run_until(11);
  options_.threads = 2;
  options_.precision = "bf16";
  options_.identifiers = "warn";
  const Recorder second = run();
  EXPECT_EQ(second.first_step, 11);
  EXPECT_THAT(second.notes, HasSubstr("identifiers was \"off\" and is \"warn\""));
  EXPECT_THAT(second.notes, HasSubstr("threads was 1 and is 2 from step 12 on"));
  EXPECT_THAT(second.notes, HasSubstr("precision was \"fp32\" and is \"bf16\""));
  const auto record =
      nlohmann::json::parse(base::read_file(options_.output / "training.json", 1 << 20));
  EXPECT_EQ(record.at("settings").at("identifiers"), "warn");
  EXPECT_EQ(record.at("history").size(), 3U);
  EXPECT_EQ(record.at("history")[1].at("after_step"), 11);
  EXPECT_THAT(metrics(), HasSubstr("\"changed\":\"threads was 1"));
}

TEST_F(TrainResumeTest, WhatChangesTheMeaningIsRefused) {
  run_until(3);
  const train::TrainOptions saved = options_;
  const auto refused = [&](const char* setting, auto change) {
    change();
    EXPECT_THAT(refusal(), AllOf(HasSubstr("different settings: "), HasSubstr(setting)));
    options_ = saved;
  };
  refused("model", [&] { options_.n_embd = 16; });
  refused("learning_rate was 0.002 and is 0.003", [&] { options_.learning_rate = 0.003; });
  refused("seed", [&] { options_.seed = 7; });
  refused("batch_windows", [&] {
    options_.batch_windows = 4;
    options_.micro_batch_windows = 4;
  });
  refused("dropout", [&] { options_.dropout = 0.1; });
  refused("optimizer", [&] { options_.optimizer = "adamw"; });
  refused("freeze", [&] { options_.freeze = {"0"}; });
  EXPECT_EQ(run().first_step, 3);  // and the run is unharmed
}

TEST_F(TrainResumeTest, GoesOnFromACheckpointThatLacksANewerSetting) {
  run_until(3);
  forget("average_with", "[]");
  forget("distil_from", "[]");
  forget("distil_weight", "0.0");
  const Recorder second = run();
  EXPECT_EQ(second.first_step, 3);
  EXPECT_EQ(second.notes, "");
}

// Companion: a setting without a default to assume is missed.
TEST_F(TrainResumeTest, RefusesACheckpointThatLacksASettingOfAllVersions) {
  run_until(3);
  forget("schedule", "\"constant-linear\"");
  EXPECT_THAT(refusal(), HasSubstr("settings: schedule was null and is \"constant-linear\""));
}

TEST_F(TrainResumeTest, OtherDataNeedToBeAskedFor) {
  run_until(5);
  options_.weights = {{"page", 2}};
  EXPECT_THAT(refusal(), HasSubstr("`continue_on_other_data`"));
  options_.continue_on_other_data = true;
  run_until(8);
  EXPECT_THAT(metrics(), HasSubstr("data is different from step 6 on"));
  options_.continue_on_other_data = false;  // the new data are the run's now
  EXPECT_EQ(run().first_step, 8);
  const auto record =
      nlohmann::json::parse(base::read_file(options_.output / "training.json", 1 << 20));
  EXPECT_EQ(record.at("history").size(), 1U);
  EXPECT_EQ(record.at("history")[0].at("after_step"), 5);
}

TEST_F(TrainResumeTest, CanBeLengthenedWhileTheRateIsConstant) {
  options_.constant_fraction = 0.5;
  run_until(12);
  set_steps(60);
  const Recorder second = run();
  EXPECT_EQ(second.last_step, 60);
  EXPECT_THAT(second.notes, HasSubstr("tokens was 7680 and is 15360 from step 13 on"));
  // As if it had been that long from the start.
  start_anew("long");
  const Recorder whole = run();
  EXPECT_EQ(second.losses.back(), whole.losses.back());
}

TEST_F(TrainResumeTest, CannotBeLengthenedWhileTheRateFalls) {
  options_.constant_fraction = 0.5;
  run_until(20);
  set_steps(60);
  EXPECT_THAT(refusal(), HasSubstr("was already falling"));
  set_steps(24);
  options_.constant_fraction = 0.1;
  start_anew("shorter");
  set_steps(30);
  options_.constant_fraction = 0.9;
  run_until(20);
  options_.constant_fraction = 0.3;
  EXPECT_THAT(refusal(), HasSubstr("would already have been falling"));
}

TEST_F(TrainResumeTest, ForgetsMetricsAfterItsCheckpoint) {
  run_until(6);
  const std::string before = metrics();
  base::write_file_atomically(options_.work_dir / "metrics.jsonl",
                              before + "{\"step\":7,\"loss\":99.5}\n{\"step\":8,\"lo");
  run();
  EXPECT_TRUE(metrics().starts_with(before));
  EXPECT_EQ(metrics().find("\"loss\":99.5"), std::string::npos);
}

TEST_F(TrainResumeTest, ADamagedCheckpointIsSaidToBe) {
  Recorder first;
  first.stop_after = 3;
  wiring::torch_room().train(options_, first);
  std::filesystem::resize_file(options_.work_dir / "checkpoint.pt", 1000);
  try {
    run();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("damaged"));
  }
}

TEST_F(TrainResumeTest, TwoRunsCannotShareAFolder) {
  class Nested : public Recorder {
   public:
    explicit Nested(std::function<std::string()> second) : second_(std::move(second)) {}
    void on_start(std::int64_t, std::int64_t, std::int64_t) override { error = second_(); }
    std::string error;

   private:
    std::function<std::string()> second_;
  };
  const train::TrainOptions first = options_;
  Nested recorder([&] {
    options_.output = folder_ / "second-out";
    return refusal();
  });
  wiring::torch_room().train(first, recorder);
  EXPECT_THAT(recorder.error, HasSubstr("another training run works in"));
  EXPECT_TRUE(std::filesystem::exists(first.output));
}

}  // namespace
}  // namespace medgen
