// Converted models against the logits that transformers computed for the same checkpoints, in every
// way a backend can be asked for them. The fixtures are made by
// scripts/make_checkpoint_fixtures.py.
#include "jobs/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "bundle/safetensors.h"
#include "medgen/bundle.h"
#include "needs_torch.h"
#include "parity/torch_backend.h"
#include "unit/bundle/support.h"
#include "wiring/open_backend.h"
#include "wiring/torch_module.h"

namespace medgen {
namespace {

namespace fs = std::filesystem;
using bundle_test::error_of;
using bundle_test::fixture;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-4;

json expected_of(const fs::path& folder) {
  return json::parse(base::read_file(folder / "expected.json", 64U << 20U));
}

std::unique_ptr<Backend> open(const Bundle& bundle) {
  return open_in_libtorch(bundle.model_pt(), bundle.config(),
                          {.max_slots = 3, .threads = 1, .device = "cpu"});
}

std::unique_ptr<Backend> open_native(const Bundle& bundle) {
  wiring::ModelSource source;
  source.model_pt = bundle.model_pt();
  source.folder = bundle.directory();
  source.sha256 = bundle.sha256();
  source.config = bundle.config();
  source.tokenizer = bundle.shared_tokenizer();
  BackendOptions options;
  options.precision = WeightPrecision::kFloat32;
  options.threads = 1;
  options.max_slots = 3;
  auto backend = open_backend(source, options);
  EXPECT_NE(dynamic_cast<native::NativeBackend*>(backend.get()), nullptr);  // `auto` takes it
  return backend;
}

Bundle convert(const fs::path& checkpoint, const fs::path& out, jobs::ConvertOptions options = {}) {
  if (!options.tokenizer) options.tokenizer = fixture("tokenizer");
  jobs::convert_checkpoint(checkpoint, out, options);
  return Bundle::open(out);
}

using Sequences = std::vector<std::vector<TokenId>>;
using Logits = std::vector<std::vector<std::vector<float>>>;  // [sequence][position][vocab_size]

// `chunk(step, i)` says how many tokens of sequence i go into each step; all sequences go together.
template <typename Chunk>
Logits run_together(Backend& backend, const Sequences& sequences, Chunk chunk) {
  std::vector<int> slots;
  std::vector<std::size_t> done(sequences.size(), 0);
  for (std::size_t i = 0; i < sequences.size(); ++i) slots.push_back(backend.acquire_slot());
  Logits logits(sequences.size());
  for (int step = 0;; ++step) {
    std::vector<Row> rows;
    std::vector<std::size_t> owners;
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const std::size_t end = std::min(sequences[i].size(), done[i] + chunk(step, i));
      for (; done[i] < end; ++done[i]) {
        rows.push_back({slots[i], sequences[i][done[i]], static_cast<int>(done[i]), true});
        owners.push_back(i);
      }
    }
    if (rows.empty()) break;
    const auto flat = backend.step(rows);
    const auto width = static_cast<std::size_t>(backend.info().vocab_size);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const auto values = flat.subspan(row * width, width);
      logits[owners[row]].emplace_back(values.begin(), values.end());
    }
  }
  for (const int slot : slots) backend.release_slot(slot);
  return logits;
}

Logits one_by_one(Backend& backend, const Sequences& sequences, std::size_t chunk) {
  Logits logits;
  for (const auto& sequence : sequences) {
    logits.push_back(
        run_together(backend, {sequence}, [&](int, std::size_t) { return chunk; }).front());
  }
  return logits;
}

Sequences sequences_of(const json& expected) {
  Sequences sequences;
  for (const json& sequence : expected["sequences"]) {
    sequences.push_back(sequence["ids"].get<std::vector<TokenId>>());
  }
  return sequences;
}

double largest_difference(const json& expected, const Logits& logits) {
  double largest = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    for (const json& row : expected["sequences"][i]["logits"]) {
      const auto values = row["values"].get<std::vector<double>>();
      const std::vector<float>& found = logits[i].at(row["position"].get<std::size_t>());
      if (found.size() != values.size()) return INFINITY;
      for (std::size_t k = 0; k < values.size(); ++k) {
        const double difference = std::fabs(values[k] - static_cast<double>(found[k]));
        largest = difference <= largest ? largest : difference;  // a NaN counts as larger
        if (std::isnan(difference)) return INFINITY;
      }
    }
  }
  return largest;
}

void expect_parity_in_every_way(Backend& backend, const json& expected) {
  const Sequences sequences = sequences_of(expected);
  EXPECT_LT(largest_difference(expected, one_by_one(backend, sequences, 1000)), kTolerance)
      << "the whole sequence in one step";
  EXPECT_LT(largest_difference(expected, one_by_one(backend, sequences, 1)), kTolerance)
      << "one token a step, with the cache";
  const auto all_at_once = [](int, std::size_t) -> std::size_t { return 1000; };
  EXPECT_LT(largest_difference(expected, run_together(backend, sequences, all_at_once)), kTolerance)
      << "both sequences in one step";
  // The prompts are of different lengths, then both are decoded; the shorter ends first.
  const auto mixed = [](int step, std::size_t i) -> std::size_t {
    return step == 0 ? 5 - 2 * i : 1;
  };
  EXPECT_LT(largest_difference(expected, run_together(backend, sequences, mixed)), kTolerance)
      << "both decoded together";
}

class CheckpointParityTest : public ::testing::TestWithParam<const char*> {};

TEST_P(CheckpointParityTest, GivesTheLogitsOfTransformers) {
  MEDGEN_NEEDS_TORCH();
  const TemporaryFolder folder;
  const Bundle bundle = convert(fixture(GetParam()), folder / "out");
  expect_parity_in_every_way(*open(bundle), expected_of(fixture(GetParam())));
}

TEST_P(CheckpointParityTest, GivesThemNativelyToo) {
  const TemporaryFolder folder;
  const Bundle bundle = convert(fixture(GetParam()), folder / "out");
  expect_parity_in_every_way(*open_native(bundle), expected_of(fixture(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Fixtures, CheckpointParityTest,
                         ::testing::Values("gelu_new_odd_head", "relu_no_prefix",
                                           "gelu_inverse_layer", "quick_gelu_untied", "silu_bf16",
                                           "tanh_f16", "gelu_fast_sharded",
                                           "gelu_pytorch_tanh_upcast", "swish_epsilon"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(CheckpointParityCompanionTest, SeesAnyPerturbedTensor) {
  MEDGEN_NEEDS_TORCH();
  const TemporaryFolder folder;
  const fs::path original = fixture("gelu_new_odd_head");
  const json expected = expected_of(original);
  const std::string whole = base::read_file(original / "model.safetensors", 10U << 20U);
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, whole.data(), sizeof header_bytes);
  const json header = json::parse(whole.substr(8, header_bytes));
  fs::copy(original, folder / "checkpoint");
  jobs::ConvertOptions options;
  options.replace = true;
  int tried = 0;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__" || name.ends_with(".attn.bias") || name.ends_with(".masked_bias")) {
      continue;
    }
    std::string changed = whole;
    char* first = changed.data() + 8 + header_bytes + entry["data_offsets"][0].get<std::size_t>();
    float value = 0;
    std::memcpy(&value, first, sizeof value);
    value += 0.5F;
    std::memcpy(first, &value, sizeof value);
    base::write_file(folder / "checkpoint/model.safetensors", changed);
    const Bundle bundle = convert(folder / "checkpoint", folder / "out", options);
    const auto backend = open(bundle);
    EXPECT_GT(largest_difference(expected, one_by_one(*backend, sequences_of(expected), 1000)),
              10 * kTolerance)
        << name;
    ++tried;
  }
  EXPECT_EQ(tried, 28);
}

TEST(CheckpointParityCompanionTest, SeesAWrongSetting) {
  MEDGEN_NEEDS_TORCH();
  const TemporaryFolder folder;
  const auto difference_with = [&](const char* name, const char* key, const json& value) {
    fs::remove_all(folder / "checkpoint");
    fs::copy(fixture(name), folder / "checkpoint");
    json config = json::parse(base::read_file(fixture(name) / "config.json", 1U << 20U));
    config[key] = value;
    base::write_file(folder / "checkpoint/config.json", config.dump());
    jobs::ConvertOptions options;
    options.replace = true;
    const Bundle bundle = convert(folder / "checkpoint", folder / "out", options);
    const json expected = expected_of(fixture(name));
    const auto difference = [&](Backend& backend) {
      return largest_difference(expected, one_by_one(backend, sequences_of(expected), 1000));
    };
    const double worst = difference(*open(bundle));
    EXPECT_NEAR(difference(*open_native(bundle)), worst, kTolerance);
    return worst;
  };
  EXPECT_LT(difference_with("relu_no_prefix", "n_head", 2), kTolerance);  // nothing is changed
  EXPECT_GT(difference_with("relu_no_prefix", "n_head", 4), 10 * kTolerance);
  EXPECT_GT(difference_with("relu_no_prefix", "scale_attn_weights", true), 10 * kTolerance);
  EXPECT_GT(difference_with("relu_no_prefix", "activation_function", "gelu"), 10 * kTolerance);
  EXPECT_GT(difference_with("gelu_inverse_layer", "scale_attn_by_inverse_layer_idx", false),
            10 * kTolerance);
  EXPECT_GT(difference_with("swish_epsilon", "layer_norm_epsilon", 1e-5), 10 * kTolerance);
}

TEST(HalfPrecisionParityTest, KeepsValuesThatFp16CanHold) {
  MEDGEN_NEEDS_TORCH();
  const TemporaryFolder folder;
  jobs::ConvertOptions options;
  options.storage = bundle::StorageType::kFloat16;
  const Bundle half = convert(fixture("tanh_f16"), folder / "half", options);
  EXPECT_EQ(half.manifest().dtype, "fp16");
  expect_parity_in_every_way(*open(half), expected_of(fixture("tanh_f16")));
  const Bundle single = convert(fixture("tanh_f16"), folder / "single");
  EXPECT_LT(fs::file_size(half.model_pt()), fs::file_size(single.model_pt()));
}

class ArchiveParityTest : public ::testing::TestWithParam<const char*> {};

TEST_P(ArchiveParityTest, RunsByItsOwnCode) {
  MEDGEN_NEEDS_TORCH();
  const fs::path folder = fixture(GetParam());
  const ModelConfig config = bundle::read_config(folder / "config.json");
  const auto backend = wiring::torch_room().open_foreign(
      folder / "model.pt", config, {.max_slots = 3, .threads = 1, .device = "cpu"});
  expect_parity_in_every_way(*backend, expected_of(folder));
}

TEST_P(ArchiveParityTest, GivesTheSameLogitsFromItsParametersAlone) {
  MEDGEN_NEEDS_TORCH();
  const fs::path folder = fixture(GetParam());
  const ModelConfig config = bundle::read_config(folder / "config.json");
  const auto in_libtorch = open_in_libtorch(folder / "model.pt", config,
                                            {.max_slots = 3, .threads = 1, .device = "cpu"});
  expect_parity_in_every_way(*in_libtorch, expected_of(folder));
  wiring::ModelSource source;
  source.model_pt = folder / "model.pt";
  source.sha256 = std::string(64, '0');
  source.config = bundle::Gpt2Parameters::open(folder / "model.pt", config).config();
  source.tokenizer = load_tokenizer(fixture("tokenizer"));
  BackendOptions native_options;
  native_options.precision = WeightPrecision::kFloat32;
  const auto native = wiring::open_native_backend(source, native_options);
  expect_parity_in_every_way(*native, expected_of(folder));
}

TEST_P(ArchiveParityTest, ConvertsToTheSameLogits) {
  MEDGEN_NEEDS_TORCH();
  const TemporaryFolder folder;
  jobs::ConvertOptions options;
  options.tokenizer = fixture("tokenizer");
  jobs::convert_archive(fixture(GetParam()) / "model.pt", folder / "out", options,
                        &wiring::torch_room());
  const Bundle bundle = Bundle::open(folder / "out");
  EXPECT_TRUE(bundle.config().tie_word_embeddings);
  expect_parity_in_every_way(*open(bundle), expected_of(fixture(GetParam())));
}

TEST_P(ArchiveParityTest, RefusesTheConfigOfAnotherModel) {
  MEDGEN_NEEDS_TORCH();
  const TemporaryFolder folder;
  fs::copy(fixture(GetParam()), folder / "archive");
  json config = json::parse(base::read_file(folder / "archive/config.json", 1U << 20U));
  config["n_head"] = 5;
  base::write_file(folder / "archive/config.json", config.dump());
  jobs::ConvertOptions options;
  options.tokenizer = fixture("tokenizer");
  EXPECT_THAT(error_of([&] {
                jobs::convert_archive(folder / "archive/model.pt", folder / "out", options,
                                      &wiring::torch_room());
              }),
              HasSubstr("n_head"));
  EXPECT_EQ(folder.entries(), 1);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ArchiveParityTest, ::testing::Values("traced", "scripted"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Gpt2SmallParityTest, GivesTheLogitsOfTransformers) {
  MEDGEN_NEEDS_TORCH();
  const char* folder = std::getenv("MEDGEN_GPT2_SMALL_FIXTURE");
  if (folder == nullptr) {
    GTEST_SKIP() << "MEDGEN_GPT2_SMALL_FIXTURE is not set: make one with "
                    "scripts/make_checkpoint_fixtures.py --small";
  }
  const TemporaryFolder out;
  const Bundle bundle = convert(folder, out / "out");
  expect_parity_in_every_way(*open(bundle), expected_of(folder));
}

// What a user without medgen would write; prints the largest difference from expected.json.
constexpr const char* kPlainPython = R"py(
import json, sys, torch
folder, expected = sys.argv[1:3]
config = json.load(open(folder + "/config.json"))
model = torch.jit.load(folder + "/model.pt")
size = config["n_embd"] // config["n_head"]
worst = 0.0
with torch.no_grad():
    for sequence in json.load(open(expected))["sequences"]:
        ids = torch.tensor([sequence["ids"]])
        positions = torch.arange(ids.size(1)).unsqueeze(0)
        plain, _ = model(ids, positions, None)
        cache = torch.zeros(config["n_layer"], 2, 1, config["n_head"], ids.size(1), size)
        parts = []
        for begin, end in [(0, 3)] + [(i, i + 1) for i in range(3, ids.size(1))]:
            logits, cache = model(ids[:, begin:end], positions[:, begin:end], cache)
            parts.append(logits)
        for logits in (plain, torch.cat(parts, 1)):
            for row in sequence["logits"]:
                difference = logits[0, row["position"]] - torch.tensor(row["values"])
                worst = max(worst, difference.abs().max().item())
print(worst)
)py";

std::string python_with_torch() {
  for (const char* python : {"/usr/bin/python3", "python3"}) {
    const std::string probe = std::string(python) + " -c 'import torch' > /dev/null 2>&1";
    if (std::system(probe.c_str()) == 0) return python;
  }
  return "";
}

// `program` takes a bundle and an expected.json, and prints the largest difference.
void expect_same_logits(const std::string& program, const std::vector<const char*>& names) {
  const TemporaryFolder folder;
  const auto difference = [&](const std::string& bundle, const fs::path& expected) {
    const std::string command = program + " '" + (folder / bundle).string() + "' '" +
                                expected.string() + "' > '" + (folder / "result").string() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return std::stod(base::read_file(folder / "result", 1000));
  };
  for (const char* name : names) {
    convert(fixture(name), folder / name);
    EXPECT_LT(difference(name, fixture(name) / "expected.json"), kTolerance) << name;
  }
  // Another model's logits must not pass.
  EXPECT_GT(difference(names.back(), fixture("relu_no_prefix") / "expected.json"), 10 * kTolerance);
}

TEST(PlainPythonTest, RunsTheBundlesModelToTheSameLogits) {
  const std::string python = python_with_torch();
  if (python.empty()) GTEST_SKIP() << "no Python with torch is installed";
  const TemporaryFolder folder;
  base::write_file(folder / "run.py", kPlainPython);
  expect_same_logits(python + " '" + (folder / "run.py").string() + "'",
                     {"gelu_new_odd_head", "quick_gelu_untied"});
}

TEST(PlainLibtorchTest, RunsTheBundlesModelToTheSameLogits) {
  MEDGEN_NEEDS_TORCH();
  expect_same_logits((fs::path(MEDGEN_PROGRAM).parent_path() / "plain_libtorch").string(),
                     {"gelu_new_odd_head", "gelu_inverse_layer", "gelu_pytorch_tanh_upcast",
                      "swish_epsilon", "tanh_f16", "quick_gelu_untied"});
}

}  // namespace
}  // namespace medgen
