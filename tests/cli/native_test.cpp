// The native engine as a user meets it: what a start loads, packed weights that are damaged or
// cannot be kept, the same text from every instruction set, verify and bench.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/instruction_set.h"
#include "base/user_key.h"
#include "bundle/probe_text.h"
#include "bundle/torchscript_weights.h"
#include "cli/models.h"
#include "cli/process.h"
#include "medgen/bundle.h"
#include "native/native_backend.h"
#include "native/packer.h"
#include "needs_torch.h"
#include "places.h"
#include "unit/native/planted_outliers.h"
#include "wiring/faithfulness.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

fs::path copy_of_default_model(const std::string& name) {
  const fs::path copy = scratch() / name;
  fs::create_directories(copy);
  for (const auto& entry : fs::directory_iterator(MEDGEN_DEFAULT_MODEL)) {
    if (!entry.path().filename().string().starts_with("packed-")) fs::copy(entry.path(), copy);
  }
  return copy;
}

std::vector<std::string> generate(const fs::path& model) {
  return {"--model", model.string(), "--seed", "1", "--max-new-tokens", "20", "I feel ill"};
}

TEST(NativeCliTest, AStartMapsThePackedWeightsAndLoadsNoLibtorch) {
  const fs::path model = copy_of_default_model("mapped");
  ASSERT_EQ(run(generate(model)).status, 0);
  Process process({"--model", model.string(), "--max-new-tokens", "240", "-n", "16", "I feel ill"},
                  {.environment = {{"MEDGEN_SANDBOX", "off"}}});  // which hides the mappings
  ASSERT_TRUE(process.wait_for_output("Generated #1"));
  process.signal(SIGSTOP);
  const std::string maps = process.maps();
  process.signal(SIGCONT);
  process.signal(SIGINT);
  EXPECT_THAT(maps, HasSubstr("packed-int8.bin"));
  EXPECT_THAT(maps, HasSubstr("libmedgen"));
  EXPECT_THAT(maps, Not(HasSubstr("libtorch")));
  EXPECT_THAT(maps, Not(HasSubstr("model.pt")));
}

TEST(NativeCliTest, DamagedPackedWeightsAreBuiltAgainWithANote) {
  const fs::path model = copy_of_default_model("damaged");
  const RunResult first = run(generate(model));
  const fs::path packed = model / "packed-int8.bin";
  ASSERT_TRUE(fs::exists(packed)) << first.err;
  {
    std::fstream file(packed, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(packed) / 2));
    file.put('x');
  }
  const RunResult second = run(generate(model));
  EXPECT_EQ(second.status, 0);
  EXPECT_EQ(second.out, first.out);
  EXPECT_THAT(second.err, HasSubstr("damaged"));
  const RunResult third = run(generate(model));
  EXPECT_EQ(third.out, first.out);
  EXPECT_THAT(third.err, Not(HasSubstr("damaged")));
}

TEST(NativeCliTest, EveryInstructionSetBatchAndThreadCountGivesTheSameText) {
  const fs::path model = copy_of_default_model("isa");
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    auto words = generate(model);
    words.insert(words.begin(), {"--precision", precision});
    const RunResult reference = run(words);
    ASSERT_EQ(reference.status, 0) << reference.err;
    for (const base::InstructionSet set : base::instruction_sets()) {
      const std::string isa(to_string(set));
      RunOptions options;
      options.environment["MEDGEN_ISA"] = isa;
      const RunResult result = run(words, options);
      if (result.status == 2 && result.err.find("does not have") != std::string::npos) continue;
      EXPECT_EQ(result.status, 0) << result.err;
      EXPECT_EQ(result.out, reference.out) << isa << " " << precision;
    }
    for (const char* threads : {"1", "4"}) {
      auto more = words;
      more.insert(more.begin(), {"--threads", threads});
      EXPECT_EQ(run(more).out, reference.out) << threads << " threads " << precision;
    }
  }
}

TEST(NativeCliTest, TheTorchScriptBackEndAgreesOnGreedyText) {
  MEDGEN_NEEDS_TORCH();
  const fs::path model = copy_of_default_model("both");
  std::string texts[2];
  for (int i = 0; i < 2; ++i) {
    const RunResult result = run({"--backend", i == 0 ? "native" : "torchscript", "--precision",
                                  i == 0 ? "fp32" : "auto", "--model", model.string(), "--greedy",
                                  "--max-new-tokens", "15", "I feel ill"});
    ASSERT_EQ(result.status, 0) << result.err;
    texts[i] = result.out;
  }
  EXPECT_EQ(texts[0], texts[1]);
}

TEST(NativeCliTest, ImpossibleChoicesAreRefused) {
  const RunResult isa = run({"I feel ill"}, {.environment = {{"MEDGEN_ISA", "sse2"}}});
  EXPECT_EQ(isa.status, 2);
  EXPECT_THAT(isa.err, HasSubstr("MEDGEN_ISA is sse2; allowed are scalar, "));
  const RunResult precision =
      run({"--backend", "torchscript", "--precision", "int8", "I feel ill"});
  EXPECT_EQ(precision.status, 2);
  EXPECT_THAT(precision.err, HasSubstr("fp32 only"));
  const RunResult device = run({"--backend", "native", "--device", "cuda", "I feel ill"});
  EXPECT_EQ(device.status, 2);
  EXPECT_EQ(run({"--cache-memory", "0", "I feel ill"}).status, 2);
}

TEST(NativeCliTest, VerifyHoldsOnTheDefaultModel) {
  const fs::path model = copy_of_default_model("verified");
  const RunResult good = run({"verify", model.string(), "--json"});
  EXPECT_EQ(good.status, 0) << good.out << good.err;
  const Json json = Json::parse(good.out, nullptr, false);
  EXPECT_EQ(json["holds"], true);
  EXPECT_GE(json["checks"].size(), 15U);
  // A table for people.
  const RunResult table = run({"verify", model.string()});
  EXPECT_THAT(table.out,
              HasSubstr(has_torch_module() ? "int8 against TorchScript: perplexity"
                                           : "int8 against the scalar definition: perplexity"));
}

TEST(NativeCliTest, VerifyRunsALoneFileWithATokenizerAndAsksForItWithout) {
  const std::string file = (checkpoint("traced") / "model.pt").string();
  const RunResult without = run({"verify", file});
  EXPECT_EQ(without.status, 2);
  EXPECT_THAT(without.err, HasSubstr("give --tokenizer DIR"));
  const RunResult with =
      run({"verify", file, "--tokenizer", checkpoint_tokenizer().string(), "--json"});
  EXPECT_EQ(with.status, 0) << with.out << with.err;
  EXPECT_EQ(Json::parse(with.out, nullptr, false)["holds"], true);
  const RunResult folder = run({"verify", tiny_model(), "--tokenizer", file});
  EXPECT_EQ(folder.status, 2);
  EXPECT_THAT(folder.err, HasSubstr("leave --tokenizer out"));
}

// A packed file that is whole and claims to belong to the model, but has one weight wrong.
void pack_with_a_wrong_weight(const fs::path& model) {
  const Bundle bundle = Bundle::open(model);
  const bundle::TorchScriptWeights weights = bundle::TorchScriptWeights::open(bundle.model_pt());
  const auto read = [&](const std::string& name, const std::vector<std::int64_t>&) {
    std::vector<float> values = weights.read(name);
    if (name == "transformer.h.2.mlp.c_fc.weight") values[100] += 0.3F;
    return values;
  };
  base::ThreadPool pool(1);
  std::string why;
  const native::PackedKey key{bundle.sha256(), bundle.config(), native::Precision::kFloat32,
                              base::user_key(why)};
  native::PackedWeights::build(
      native::packed_path(model, key.precision), key,
      [&](std::byte* block, const auto&) {
        native::pack(key.config, key.precision, read, {}, native::choose_kernels(), pool, block,
                     {});
      },
      why);
  ASSERT_EQ(why, "");
}

TEST(NativeCliTest, VerifyFailsOnOnePerturbedWeight) {
  const fs::path model = copy_of_default_model("perturbed");
  pack_with_a_wrong_weight(model);
  const RunResult result = run({"verify", model.string()});
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_THAT(result.out, HasSubstr("BROKEN"));
}

TEST(NativeCliTest, OutliersPlantedInTheDefaultModelLeaveInt8Faithful) {
  const Bundle bundle = Bundle::open(MEDGEN_DEFAULT_MODEL);
  const ModelConfig& config = bundle.config();
  const bundle::TorchScriptWeights weights = bundle::TorchScriptWeights::open(bundle.model_pt());
  native::Parameters parameters;
  for (const bundle::ParameterSpec& spec : weights.specs()) {
    parameters[spec.name] = weights.read(spec.name);
  }
  // Calibrated on one text, measured on what follows.
  const std::string text(bundle::default_probe_text());
  const auto half = text.find(' ', text.size() / 2);
  const auto tokens_of = [&](const std::string& part) {
    const auto ids = bundle.tokenizer().encode(part);
    return std::vector<int>(ids.begin(), ids.end());
  };
  const std::vector<int> probe = tokens_of(text.substr(0, half));
  const std::vector<int> measured = tokens_of(text.substr(half));
  const auto perplexity = [&](native::Precision precision) {
    base::ThreadPool pool(2);
    std::string why;
    native::NativeBackend backend(
        native::PackedWeights::build(
            {}, {bundle.sha256(), config, precision},
            [&](std::byte* block, const auto&) {
              native::pack(
                  config, precision,
                  [&](const std::string& name, const auto&) { return parameters.at(name); }, probe,
                  native::choose_kernels(), pool, block, {});
            },
            why),
        native::choose_kernels(), {});
    return wiring::probe_perplexity(backend, measured);
  };
  const double plain = perplexity(native::Precision::kFloat32);
  native::plant_outliers(parameters, config.n_layer, static_cast<std::size_t>(config.n_embd));
  EXPECT_NEAR(perplexity(native::Precision::kFloat32), plain, 1e-3 * plain);
  EXPECT_LT(perplexity(native::Precision::kInt8), 1.005 * plain);
}

TEST(NativeCliTest, BenchReportsEveryMeasurement) {
  const fs::path model = copy_of_default_model("bench");
  const RunResult result =
      run({"bench", "--model", model.string(), "--json", "--repeats", "1", "--new-tokens", "8",
           "--prefill-tokens", "64", "--sequences", "1,3"});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = Json::parse(result.out, nullptr, false);
  EXPECT_GT(json["prefill"]["tokens_per_second"]["median"].get<double>(), 0);
  ASSERT_EQ(json["decode"].size(), 2U);
  for (const Json& row : json["decode"]) {
    const Json& step = row["step_ms"];
    const double parts = step["matrices"].get<double>() + step["attention"].get<double>() +
                         step["sampling"].get<double>() + step["rest"].get<double>();
    EXPECT_NEAR(parts, step["total"].get<double>(), 1e-6);
    EXPECT_GT(row["tokens_per_second"]["median"].get<double>(), 0);
  }
  EXPECT_GT(json["machine"]["read_gigabytes_per_second"].get<double>(), 0);
  EXPECT_EQ(run({"bench", "--sequences", "0"}).status, 2);
  EXPECT_EQ(run({"bench", "--sequences", "1,x"}).status, 2);
}

}  // namespace
}  // namespace medgen::cli_tests
