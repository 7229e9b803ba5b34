// A model folder whose code is hostile, through every command that opens models: the code is never
// run, and what the tensors say is printed all the same.
#include <gtest/gtest.h>

#include <algorithm>

#include "attacks/archives.h"
#include "attacks/hostile_code.h"
#include "attacks/measured_run.h"
#include "cli/models.h"
#include "cli/process.h"
#include "needs_torch.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::run;
using cli_tests::RunResult;
using cli_tests::scratch;
using cli_tests::tiny_model;

using Words = std::vector<std::string>;

constexpr const char* kPrompt = "I feel";

fs::path notes() {
  const fs::path file = scratch() / "notes.jsonl";
  std::string text;
  for (int i = 0; i < 8; ++i) {
    text += "{\"text\": \"Note " + std::to_string(i) + ": fever, then rest and water.\"}\n";
  }
  cli_tests::write(file, text);
  return file;
}

Words generation(const fs::path& bundle, const std::string& backend) {
  return {"generate", "--model", bundle.string(), "--backend", backend, "--seed", "1",
          "-n",       "1",       kPrompt};
}

// Every way in which a command meets a model folder; they write into `out`.
std::vector<Words> commands(const fs::path& bundle, const fs::path& out) {
  fs::create_directories(out);
  const std::string model = bundle.string();
  return {
      generation(bundle, "auto"),
      generation(bundle, "torchscript"),
      {"explain", "--model", model, "--backend", "torchscript", kPrompt},
      {"verify", model},
      {"inspect", model},
      {"eval", "--model", model, "--backend", "torchscript", "--data", notes().string()},
      {"bench", "--model", model, "--backend", "torchscript", "--sequences", "1", "--prompt-tokens",
       "2", "--new-tokens", "2", "--prefill-tokens", "4", "--repeats", "1"},
      {"convert", (bundle / "model.pt").string(), (out / "converted").string(), "--tokenizer",
       model},
      {"train",
       "--from",
       model,
       "--data",
       notes().string(),
       "--valid",
       notes().string(),
       "--work-dir",
       (out / "work").string(),
       "--output",
       (out / "trained").string(),
       "--tokens",
       "96",
       "--batch-windows",
       "2",
       "--micro-batch-windows",
       "2",
       "--warmup-tokens",
       "0",
       "--threads",
       "1"},
  };
}

class HostileBundleTest : public ::testing::TestWithParam<HostileArchive> {
 protected:
  fs::path bundle(const std::string& name) const {
    return forged_bundle(GetParam().name + name,
                         [&](Records& records) { GetParam().tamper(records, witness_); });
  }

  void expect_harmless(const Words& words) const {
    const RunResult result = run(words);
    EXPECT_TRUE(result.status == 0 || result.status == 3)
        << words.front() << " ended with status " << result.status << "\n"
        << result.err;
    EXPECT_FALSE(witness_.seen()) << words.front() << " ran the code in the archive";
    fs::remove(witness_.path());
  }

  Witness witness_{GetParam().name};
};

TEST_P(HostileBundleTest, CodeInTheArchiveIsNeverRun) {
  const fs::path out = scratch() / (std::string(GetParam().name) + "-out");
  for (const Words& words : commands(bundle(""), out)) {
    if (!lacks_libtorch(words)) expect_harmless(words);
  }
}

// The native engine does not know this activation, so `auto` is libtorch.
TEST_P(HostileBundleTest, CodeIsNotRunWhereTheNativeEngineCannotRunTheModel) {
  const fs::path gelu = bundle("-gelu");
  set_json(gelu / "config.json", {{"activation_function", "\"gelu\""}});
  reseal(gelu);
  expect_harmless(generation(gelu, "auto"));
  expect_harmless({"--model", gelu.string(), kPrompt});
}

TEST_P(HostileBundleTest, WhatIsPrintedDependsOnTheTensorsAlone) {
  MEDGEN_NEEDS_TORCH();
  const RunResult intact = run(generation(tiny_model(), "torchscript"));
  const RunResult hostile = run(generation(bundle("-printed"), "torchscript"));
  EXPECT_EQ(intact.status, 0) << intact.err;
  EXPECT_EQ(hostile.status, 0) << hostile.err;
  EXPECT_EQ(hostile.out, intact.out);
}

INSTANTIATE_TEST_SUITE_P(Code, HostileBundleTest, ::testing::ValuesIn(hostile_archives()),
                         [](const auto& test) { return std::string(test.param.name); });

// What the comparison above sees: other tensors, another text.
TEST(HostileBundleCompanionTest, OtherTensorsPrintAnotherText) {
  MEDGEN_NEEDS_TORCH();
  const fs::path other = forged_bundle("other-tensors", [](Records& records) {
    std::string& embedding = bytes_of(records, "data/0");
    std::rotate(embedding.begin(), embedding.begin() + 1200, embedding.end());
  });
  const RunResult changed = run(generation(other, "torchscript"));
  EXPECT_EQ(changed.status, 0) << changed.err;
  EXPECT_NE(changed.out, run(generation(tiny_model(), "torchscript")).out);
}

TEST(HostileBundleCompanionTest, EveryCommandRunsOnAnIntactModel) {
  const fs::path intact = forged_bundle("intact", [](Records&) {});
  for (const Words& words : commands(intact, scratch() / "intact-out")) {
    if (lacks_libtorch(words)) continue;
    const RunResult result = run(words);
    EXPECT_EQ(result.status, 0) << words.front() << "\n" << result.err;
  }
}

}  // namespace
}  // namespace medgen::attacks
