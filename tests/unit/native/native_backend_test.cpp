// The native engine against the formulas of GPT-2 in double, and against itself: the same bytes for
// every batch, chunk, thread count, slot order and instruction set.
#include "native/native_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "bundle/activation.h"
#include "medgen/error.h"
#include "temporary_folder.h"
#include "unit/native/planted_outliers.h"
#include "unit/native/tiny_model.h"

namespace medgen::native {
namespace {

using ::testing::HasSubstr;

const TinyModel& tiny() {
  static const TinyModel model;
  return model;
}

std::vector<int> some_tokens(int count, int shift = 0) {
  std::vector<int> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back((i * 31 + 5 + shift) % tiny().config.vocab_size);
  return tokens;
}

// What `step` gives of the rows of one sequence, `chunk` rows a step.
template <class Step>
std::vector<float> stepped(Backend& backend, const std::vector<int>& tokens, int chunk, Step step) {
  const int slot = backend.acquire_slot();
  std::vector<float> all;
  std::vector<Row> rows;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    rows.push_back({slot, tokens[i], static_cast<int>(i), true});
    if (static_cast<int>(rows.size()) < chunk && i + 1 < tokens.size()) continue;
    const auto values = step(rows);
    all.insert(all.end(), values.begin(), values.end());
    rows.clear();
  }
  backend.release_slot(slot);
  return all;
}

// All logits.
std::vector<float> run(Backend& backend, const std::vector<int>& tokens, int chunk) {
  return stepped(backend, tokens, chunk, [&](const auto& rows) { return backend.step(rows); });
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

class PrecisionTest : public ::testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(All, PrecisionTest,
                         ::testing::Values(Precision::kFloat32, Precision::kBFloat16,
                                           Precision::kInt8),
                         [](const auto& test) { return std::string(to_string(test.param)); });

// Of the model's logits, from what `wanted` should give.
double largest_error(Precision precision, const TinyModel& model,
                     const TinyModel& wanted = tiny()) {
  const auto tokens = some_tokens(70);
  const auto exact = wanted.exact(tokens);
  const auto logits = run(*model.backend(precision, choose_kernels(), 2), tokens, 70);
  double worst = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(logits[i]) - exact[i]));
  }
  return worst;
}

TEST(NativeBackendTest, Float32LogitsAreThoseOfTheFormulas) {
  EXPECT_LT(largest_error(Precision::kFloat32, tiny()), 1e-4);
}

TEST(NativeBackendTest, LowerPrecisionsStayClose) {
  // Logits have a deviation of about 1.3 here.
  EXPECT_LT(largest_error(Precision::kBFloat16, tiny()), 0.1);
  EXPECT_LT(largest_error(Precision::kInt8, tiny()), 0.2);
}

TEST(NativeBackendTest, APerturbedWeightShows) {
  TinyModel other;
  other.parameters.at("transformer.h.1.mlp.c_fc.weight")[77] += 0.5F;
  EXPECT_GT(largest_error(Precision::kFloat32, other), 1e-3);
}

TEST_P(PrecisionTest, ChunksThreadsAndInstructionSetsChangeNoBit) {
  const auto tokens = some_tokens(70);
  const auto reference = run(*tiny().backend(GetParam(), choose_kernels(), 1), tokens, 70);
  for (const int chunk : {1, 7, 64}) {
    EXPECT_TRUE(
        same_bits(reference, run(*tiny().backend(GetParam(), choose_kernels(), 1), tokens, chunk)))
        << chunk;
  }
  for (const int threads : {2, 4}) {
    EXPECT_TRUE(same_bits(reference,
                          run(*tiny().backend(GetParam(), choose_kernels(), threads), tokens, 33)))
        << threads;
  }
  const kernels::KernelList all = kernels::all_kernels();
  for (int i = 0; i < all.count; ++i) {
    if (!kernels::can_run(*all.tables[i])) continue;
    EXPECT_TRUE(
        same_bits(reference, run(*tiny().backend(GetParam(), *all.tables[i], 2), tokens, 70)))
        << all.tables[i]->name;
  }
}

TEST_P(PrecisionTest, NeighboursSlotsAndSharedPagesChangeNoBit) {
  const auto tokens = some_tokens(50);
  const auto reference = run(*tiny().backend(GetParam(), choose_kernels(), 1), tokens, 50);
  const auto vocab = static_cast<std::size_t>(tiny().config.vocab_size);
  for (const int sequences : {1, 3, 16, 64}) {
    const auto backend = tiny().backend(GetParam(), choose_kernels(), 2, 64);
    std::vector<int> slots(static_cast<std::size_t>(sequences));
    for (int& slot : slots) slot = backend->acquire_slot();
    std::reverse(slots.begin(), slots.end());
    const int watched = slots[slots.size() / 2];
    // The first 21 tokens are common: prefilled once and shared, so page 1 is copied when it is
    // written.
    std::vector<Row> rows;
    for (int i = 0; i < 21; ++i)
      rows.push_back({slots[0], tokens[static_cast<std::size_t>(i)], i, false});
    backend->step(rows);
    for (std::size_t i = 1; i < slots.size(); ++i) backend->share_cache(slots[0], slots[i], 21);
    for (std::size_t t = 21; t < tokens.size(); ++t) {
      rows.clear();
      for (const int slot : slots) {
        const auto other = some_tokens(50, slot + 1);
        rows.push_back(
            {slot, slot == watched ? tokens[t] : other[t], static_cast<int>(t), slot == watched});
      }
      const auto logits = backend->step(rows);
      const std::vector<float> row(logits.begin(), logits.end());
      const std::vector<float> wanted(
          reference.begin() + static_cast<std::ptrdiff_t>(t * vocab),
          reference.begin() + static_cast<std::ptrdiff_t>((t + 1) * vocab));
      ASSERT_TRUE(same_bits(row, wanted)) << sequences << " sequences, token " << t;
    }
  }
}

// The final norm's outputs.
std::vector<float> states_of(NativeBackend& backend, const std::vector<int>& tokens, int chunk) {
  return stepped(backend, tokens, chunk,
                 [&](const auto& rows) { return backend.hidden_states(rows); });
}

TEST(NativeBackendTest, HiddenStatesTimesTheHeadAreTheLogits) {
  const auto backend = tiny().backend(Precision::kFloat32, choose_kernels(), 2);
  const auto tokens = some_tokens(30);
  const std::vector<float> logits = run(*backend, tokens, 30);
  const std::vector<float> states = states_of(*backend, tokens, 30);
  const auto width = static_cast<std::size_t>(tiny().config.n_embd);
  const auto vocab = static_cast<std::size_t>(tiny().config.vocab_size);
  ASSERT_EQ(states.size(), tokens.size() * width);
  const std::vector<float>& head = tiny().parameters.at("transformer.wte.weight");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    for (std::size_t v = 0; v < vocab; ++v) {
      double sum = 0;
      for (std::size_t j = 0; j < width; ++j) {
        sum += double{states[i * width + j]} * double{head[v * width + j]};
      }
      ASSERT_NEAR(sum, logits[i * vocab + v], 1e-4);
    }
  }
}

TEST_P(PrecisionTest, HiddenStatesHaveTheSameBitsForChunksThreadsAndInstructionSets) {
  const auto tokens = some_tokens(60);
  const auto expected = states_of(*tiny().backend(GetParam(), choose_kernels(), 1), tokens, 60);
  const kernels::KernelList all = kernels::all_kernels();
  for (int i = 0; i < all.count; ++i) {
    if (!kernels::can_run(*all.tables[i])) continue;
    const auto backend = tiny().backend(GetParam(), *all.tables[i], 3);
    EXPECT_TRUE(same_bits(states_of(*backend, tokens, 60), expected)) << all.tables[i]->name;
    EXPECT_TRUE(same_bits(states_of(*backend, tokens, 7), expected)) << all.tables[i]->name;
  }
  EXPECT_FALSE(
      same_bits(states_of(*tiny().backend(GetParam(), choose_kernels(), 1), some_tokens(60, 1), 60),
                expected));
}

TEST(NativeBackendTest, TruncatedAndReusedSlotsForget) {
  const auto backend = tiny().backend(Precision::kInt8, choose_kernels(), 2);
  const auto tokens = some_tokens(40);
  const auto reference = run(*backend, tokens, 40);
  const int slot = backend->acquire_slot();
  std::vector<Row> rows;
  for (int i = 0; i < 60; ++i)
    rows.push_back({slot, i < 20 ? tokens[static_cast<std::size_t>(i)] : 1, i, false});
  backend->step(rows);
  backend->truncate_cache(slot, 20);
  rows.clear();
  for (int i = 20; i < 40; ++i)
    rows.push_back({slot, tokens[static_cast<std::size_t>(i)], i, true});
  const auto logits = backend->step(rows);
  EXPECT_TRUE(
      std::equal(logits.begin(), logits.end(), reference.begin() + 20 * tiny().config.vocab_size));
}

TEST(NativeBackendTest, LogitsComeOnlyForTheRowsThatWantThem) {
  const auto backend = tiny().backend(Precision::kFloat32, choose_kernels(), 1);
  const int slot = backend->acquire_slot();
  const std::vector<Row> rows = {{slot, 1, 0, false}, {slot, 2, 1, true}, {slot, 3, 2, false}};
  EXPECT_EQ(backend->step(rows).size(), static_cast<std::size_t>(tiny().config.vocab_size));
}

TEST(NativeBackendTest, WeightsThatLeaveMemoryAfterEachLayerGiveTheSameBits) {
  const TemporaryFolder folder;
  const PackedKey key{std::string(64, 'a'), tiny().config, Precision::kInt8, base::SecretKey{7}};
  std::string why;
  PackedWeights::build(
      folder.path() / "packed.bin", key,
      [](std::byte* block, const auto& forget) {
        base::ThreadPool pool(2);
        pack(tiny().config, Precision::kInt8, tiny().reader(), tiny().probe(), choose_kernels(),
             pool, block, [&](int, int) { forget(); });
      },
      why);
  ASSERT_EQ(why, "");
  NativeOptions options;
  options.threads = 1;
  options.keep_weights = false;
  NativeBackend backend(PackedWeights::open(folder.path() / "packed.bin", key, why),
                        choose_kernels(), options);
  const auto kept = tiny().backend(Precision::kInt8, choose_kernels(), 1);
  const auto logits_of = [](Backend& b) {
    const int slot = b.acquire_slot();
    const auto logits = b.step(std::vector<Row>{{slot, 5, 0, false}, {slot, 9, 1, true}});
    return std::vector<float>(logits.begin(), logits.end());
  };
  EXPECT_EQ(logits_of(backend), logits_of(*kept));
  EXPECT_EQ(logits_of(backend), logits_of(*kept));
}

TEST(NativeBackendTest, MisuseIsAnErrorAndNotACrash) {
  const auto backend = tiny().backend(Precision::kFloat32, choose_kernels(), 1, 2);
  const int slot = backend->acquire_slot();
  const auto step = [&](Row row) { backend->step(std::vector<Row>{row}); };
  EXPECT_THROW(step({slot, 1, 3, true}), Error);   // a gap
  EXPECT_THROW(step({slot, 83, 0, true}), Error);  // no such token
  EXPECT_THROW(step({slot, -1, 0, true}), Error);
  EXPECT_THROW(step({slot + 1, 1, 0, true}), Error);  // not acquired
  EXPECT_THROW(backend->truncate_cache(slot, 1), Error);
  backend->acquire_slot();
  EXPECT_THROW(backend->acquire_slot(), Error);
}

TEST(NativeBackendTest, CacheMemoryBoundsTheSlotsAndTooLittleIsRefused) {
  NativeOptions options;
  options.threads = 1;
  options.max_slots = 64;
  const auto page = PagedCache::page_bytes(tiny().config, kernels::CacheType::kFloat32);
  options.cache_memory_bytes = page * 14;  // 5 pages a sequence, one to copy
  const NativeBackend backend(tiny().packed(Precision::kFloat32), choose_kernels(), options);
  EXPECT_EQ(backend.info().max_slots, 2);
  options.cache_memory_bytes = page * 5;
  try {
    const NativeBackend too_small(tiny().packed(Precision::kFloat32), choose_kernels(), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("needs"));
  }
}

TEST(NativeBackendTest, UnsupportedModelsAreNamed) {
  ModelConfig config = tiny().config;
  EXPECT_EQ(unsupported_reason(config), "");
  config.n_embd = 1040;
  EXPECT_THAT(unsupported_reason(config), HasSubstr("520 wide"));
}

class ActivationTest : public ::testing::TestWithParam<std::string> {
 protected:
  const TinyModel model_ = TinyModel::with_activation(GetParam());
};

INSTANTIATE_TEST_SUITE_P(All, ActivationTest, ::testing::ValuesIn(bundle::known_activations()),
                         [](const auto& test) { return test.param; });

TEST_P(ActivationTest, IsNativeAndItsFormula) {
  EXPECT_EQ(unsupported_reason(model_.config), "");
  EXPECT_LT(largest_error(Precision::kFloat32, model_, model_), 5e-5);
  TinyModel usual;
  usual.config.activation_function = GetParam();
  EXPECT_LT(largest_error(Precision::kBFloat16, usual, usual), 0.15);
  EXPECT_LT(largest_error(Precision::kInt8, usual, usual), 0.3);
}

TEST_P(ActivationTest, IsNotAnotherFormula) {
  for (const char* name : {"gelu", "gelu_10", "relu", "relu6"}) {
    if (bundle::activation_formula(name) == bundle::activation_formula(GetParam())) continue;
    const TinyModel other = TinyModel::with_activation(name);
    EXPECT_GT(largest_error(Precision::kFloat32, model_, other), 3e-4) << name;
  }
}

TEST_P(ActivationTest, ChunksThreadsAndInstructionSetsChangeNoBit) {
  const auto tokens = some_tokens(70);
  for (const Precision precision : {Precision::kFloat32, Precision::kInt8}) {
    const auto reference = run(*model_.backend(precision, choose_kernels(), 1), tokens, 70);
    EXPECT_TRUE(
        same_bits(reference, run(*model_.backend(precision, choose_kernels(), 3), tokens, 9)));
    const kernels::KernelList all = kernels::all_kernels();
    for (int i = 0; i < all.count; ++i) {
      if (!kernels::can_run(*all.tables[i])) continue;
      EXPECT_TRUE(
          same_bits(reference, run(*model_.backend(precision, *all.tables[i], 2), tokens, 70)))
          << all.tables[i]->name;
    }
  }
}

TEST(PackerTest, PlantedOutliersLeaveInt8AsItWas) {
  TinyModel planted;
  plant_outliers(planted.parameters, planted.config.n_layer,
                 static_cast<std::size_t>(planted.config.n_embd));
  EXPECT_LT(largest_error(Precision::kFloat32, planted), 2e-4);  // the same function
  EXPECT_LT(largest_error(Precision::kInt8, planted),
            1.5 * largest_error(Precision::kInt8, tiny()));  // maxima, which rounding moves
}

TEST(PackerTest, PackingDoesNotDependOnTheProcessor) {
  const auto scalar = tiny().packed(Precision::kInt8);
  base::ThreadPool pool(2);
  std::vector<std::byte> block(scalar->model().size_bytes + 64);
  std::byte* aligned =
      block.data() + (64 - reinterpret_cast<std::uintptr_t>(block.data()) % 64) % 64;
  pack(tiny().config, Precision::kInt8, tiny().reader(), tiny().probe(), choose_kernels(), pool,
       aligned, {});
  const PackedModel other = lay_out(tiny().config, Precision::kInt8, aligned);
  const auto& a = scalar->model().layers[1].c_attn;
  const auto& b = other.layers[1].c_attn;
  EXPECT_EQ(std::memcmp(a.weights, b.weights,
                        static_cast<std::size_t>(a.n_padded() * a.k_padded(Precision::kInt8))),
            0);
  EXPECT_EQ(std::memcmp(a.column_scale, b.column_scale, static_cast<std::size_t>(a.n) * 4), 0);
  EXPECT_EQ(a.q_max, b.q_max);
}

TEST(PackerTest, ParametersThatAreNoNumbersAreRefused) {
  TinyModel broken;
  broken.parameters.at("transformer.h.0.mlp.c_fc.weight")[5] =
      std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(broken.packed(Precision::kInt8), Error);
}

TEST(PackedModelTest, WideActivationsCannotOverflow) {
  for (const int k : {64, 768, 3072, 4096, 10240, 100000}) {
    EXPECT_LE(127LL * k * wide_q_max(k), 2147483647LL) << k;
  }
  EXPECT_EQ(wide_q_max(768), 4095);
}

}  // namespace
}  // namespace medgen::native
