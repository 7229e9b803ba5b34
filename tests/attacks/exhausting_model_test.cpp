// Models that would exhaust memory, stack or time: each is refused with a message, soon and
// cheaply. Knows what they cost, not where it is bounded.
#include "attacks/exhausting_model.h"

#include <gtest/gtest.h>

#include <set>

#include "attacks/archives.h"
#include "attacks/measured_run.h"
#include "cli/models.h"
#include "needs_torch.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::scratch;

using Words = std::vector<std::string>;

constexpr const char* kPrompt = "I feel";

Words generation(const fs::path& bundle, const std::string& backend) {
  return {"generate", "--model", bundle.string(), "--backend", backend, "-n", "1", kPrompt};
}

// A folder, and its archive as if it came from elsewhere.
std::vector<Words> commands(const fs::path& bundle) {
  const std::string file = (bundle / "model.pt").string();
  const fs::path out = scratch() / (bundle.filename().string() + "-out");
  fs::remove_all(out);
  return {generation(bundle, "auto"),
          generation(bundle, "torchscript"),
          {"verify", bundle.string()},
          {"generate", "--model", file, "--tokenizer", bundle.string(), "-n", "1", kPrompt},
          {"convert", file, out.string(), "--tokenizer", bundle.string()}};
}

class ExhaustingModelTest : public ::testing::TestWithParam<ExhaustingModel> {};

TEST_P(ExhaustingModelTest, IsRefusedSoonAndCheaply) {
  const fs::path bundle = forged_bundle(GetParam().name, GetParam().tamper);
  for (const Words& words : commands(bundle)) {
    if (lacks_libtorch(words)) continue;
    SCOPED_TRACE(::testing::PrintToString(words));
    const MeasuredResult result = measured_run(words);
    expect_bounded(result, words, bundle / "model.pt");
    EXPECT_TRUE(result.status == 3 || GetParam().only_code) << "status " << result.status;
  }
}

INSTANTIATE_TEST_SUITE_P(Archive, ExhaustingModelTest, ::testing::ValuesIn(exhausting_models()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(ExhaustingModelCompanionTest, AnIntactModelRunsWithinTheSameBounds) {
  const fs::path bundle = forged_bundle("bounded", [](Records&) {});
  for (const Words& words : commands(bundle)) {
    if (lacks_libtorch(words)) continue;
    const MeasuredResult result = measured_run(words);
    expect_bounded(result, words, bundle / "model.pt");
    EXPECT_EQ(result.status, 0) << words.front() << "\n" << result.err;
  }
}

// Cuts the list of parameters after each `step` bytes.
void expect_every_cut_refused(const std::string& backend, std::size_t step) {
  const fs::path bundle = forged_bundle("cut", [](Records&) {});
  const Records whole = read_archive(bundle / "model.pt");
  Records cut = whole;
  const std::size_t length = bytes_of(cut, "data.pkl").size();
  for (std::size_t kept = 0; kept < length; kept += step) {
    cut = whole;
    bytes_of(cut, "data.pkl").resize(kept);
    write_archive(bundle / "model.pt", cut);
    reseal(bundle);
    const Words words = generation(bundle, backend);
    const MeasuredResult result = measured_run(words);
    expect_bounded(result, words, bundle / "model.pt");
    ASSERT_EQ(result.status, 3) << kept << " of " << length << " bytes";
  }
}

TEST(CutModelTest, ANativeRunRefusesAListOfParametersThatEndsEarly) {
  expect_every_cut_refused("native", 7);
}

TEST(CutModelTest, LibtorchDoesNotMeetAListOfParametersThatEndsEarly) {
  MEDGEN_NEEDS_TORCH();
  expect_every_cut_refused("torchscript", 211);
}

std::set<std::string> files_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    names.insert(entry.path().string());
  }
  return names;
}

// Whoever believes the configuration makes room for 28 GB.
TEST(HugeConfigurationTest, IsNotBelievedBeforeTheTensorsAreSeen) {
  const fs::path bundle = cli_tests::copy_of_tiny_model("seven-billion");
  constexpr std::int64_t kWidth = 4096;
  constexpr std::int64_t kLayers = 35;
  constexpr std::int64_t kParameters =
      (300 + 24 + 2) * kWidth + kLayers * (12 * kWidth * kWidth + 13 * kWidth);
  set_json(bundle / "config.json", {{"n_embd", std::to_string(kWidth)},
                                    {"n_head", "64"},
                                    {"n_inner", std::to_string(4 * kWidth)},
                                    {"n_layer", std::to_string(kLayers)}});
  set_json(bundle / "manifest.json", {{"parameter_count", std::to_string(kParameters)}});
  reseal(bundle);
  const std::set<std::string> before = files_in(scratch());
  std::vector<Words> all = commands(bundle);
  cli_tests::write(scratch() / "notes.jsonl", "{\"text\": \"Fever, then rest and water.\"}\n");
  const fs::path out = scratch() / "seven-billion-trained";
  all.push_back({"train", "--from", bundle.string(), "--data", (scratch() / "notes.jsonl").string(),
                 "--work-dir", out.string() + "-work", "--output", out.string(), "--tokens", "96"});
  for (const Words& words : all) {
    if (lacks_libtorch(words)) continue;
    SCOPED_TRACE(::testing::PrintToString(words));
    const MeasuredResult result = measured_run(words);
    expect_bounded(result, words, bundle / "model.pt");
    EXPECT_EQ(result.status, 3) << result.err;
  }
  for (const std::string& name : files_in(bundle)) {
    EXPECT_TRUE(before.contains(name)) << name << " was made";
  }
  EXPECT_FALSE(fs::exists(out));
  EXPECT_FALSE(fs::exists(scratch() / "seven-billion-out"));
}

// A training run's folder may come from elsewhere too.
class HostileCheckpointTest : public ::testing::Test {
 protected:
  void SetUp() override { MEDGEN_NEEDS_TORCH(); }

  using Entries = std::vector<std::pair<std::string, std::string>>;

  // A run that goes on from a checkpoint with these tensors, in this record each.
  static MeasuredResult resumed(const std::string& name, const Entries& entries, Records records) {
    const fs::path work = scratch() / name;
    fs::create_directories(work);
    const std::string tagged = "ctorch.jit._pickle\nrestore_type_tag\n" +
                               pickle::tuple({pickle::dictionary(entries), pickle::text("")}) + "R";
    records.push_back({"data.pkl", pickle::document(tagged)});
    write_archive(work / "checkpoint.pt", records);
    cli_tests::write(scratch() / "notes.jsonl", "{\"text\": \"Fever, then rest and water.\"}\n");
    const Words words = {"train",
                         "--from",
                         cli_tests::tiny_model(),
                         "--data",
                         (scratch() / "notes.jsonl").string(),
                         "--work-dir",
                         work.string(),
                         "--output",
                         (scratch() / "never").string(),
                         "--tokens",
                         "96",
                         "--batch-windows",
                         "1",
                         "--micro-batch-windows",
                         "1",
                         "--warmup-tokens",
                         "0"};
    MeasuredResult result = measured_run(words);
    expect_little_memory(result, words, work / "checkpoint.pt");
    return result;
  }

  // A checkpoint without parameters, of a run with one row.
  static MeasuredResult resumed_at(std::int64_t step, std::int64_t next_document) {
    const auto number = [](std::int64_t value) {
      return std::string(reinterpret_cast<const char*>(&value), sizeof value);
    };
    const auto tensor = [](const char* record, std::int64_t count,
                           const std::vector<std::int64_t>& shape,
                           const std::vector<std::int64_t>& strides) {
      return pickle::tensor(pickle::storage("Long", record, count),
                            pickle::layout(0, shape, strides));
    };
    return resumed("work-far-ahead",
                   {{"step", tensor("0", 1, {}, {})},
                    {"next_document", tensor("1", 1, {1}, {1})},
                    {"tokens_waiting.0", tensor("2", 0, {0}, {1})}},
                   {{"data/0", number(step)}, {"data/1", number(next_document)}, {"data/2", ""}});
  }
};

TEST_F(HostileCheckpointTest, ARecordThatIsNamedOftenIsReadOnce) {
  constexpr std::int64_t kFloats = 2 << 20;
  Entries entries;
  for (int i = 0; i < 1000; ++i) {
    entries.emplace_back(
        "tensor" + std::to_string(i),
        pickle::tensor(pickle::storage("Float", "0", kFloats), pickle::layout(0, {kFloats}, {1})));
  }
  const MeasuredResult result =
      resumed("work-of-somebody", entries,
              {{"data/0", std::string(static_cast<std::size_t>(kFloats) * 4, 'x')}});
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("checkpoint.pt is damaged"), std::string::npos) << result.err;
}

TEST_F(HostileCheckpointTest, AStepBeyondTheRunIsRefused) {
  const MeasuredResult result = resumed_at(std::int64_t{1} << 62, 0);
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("this run has"), std::string::npos) << result.err;
}

// The order of each epoch before this document would be made.
TEST_F(HostileCheckpointTest, ADocumentBeyondTheStepIsRefused) {
  const MeasuredResult result = resumed_at(1, std::int64_t{1} << 62);
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("cannot have read that many documents"), std::string::npos)
      << result.err;
}

// Companion: a place that the run can have reached is not what is refused.
TEST_F(HostileCheckpointTest, APlaceWithinTheRunIsNot) {
  const MeasuredResult result = resumed_at(1, 1);
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("is missing"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace medgen::attacks
