// Reading a TorchScript archive without libtorch, on the default model's.
#include "bundle/torchscript_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "bundle/half.h"
#include "medgen/bundle.h"
#include "medgen/error.h"
#include "places.h"
#include "temporary_folder.h"

namespace medgen::bundle {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kBundle = MEDGEN_DEFAULT_MODEL;

std::string reason(const fs::path& path) {
  try {
    TorchScriptWeights::open(path);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(TorchScriptWeightsTest, FindsEveryParameterWithItsShape) {
  const auto weights = TorchScriptWeights::open(kBundle / "model.pt");
  const ModelConfig config = read_config(kBundle / "config.json");
  for (const ParameterSpec& spec : parameter_specs(config)) {
    std::size_t count = 1;
    for (const auto size : spec.shape) count *= static_cast<std::size_t>(size);
    EXPECT_EQ(weights.read(spec.name).size(), count) << spec.name;
  }
  EXPECT_THROW(weights.read("transformer.nothing"), Error);
}

TEST(TorchScriptWeightsTest, ADamagedArchiveIsRefused) {
  const TemporaryFolder folder;
  const fs::path copy = folder.path() / "model.pt";
  fs::copy_file(kBundle / "model.pt", copy);
  fs::resize_file(copy, fs::file_size(copy) / 2);
  EXPECT_NE(reason(copy), "");
  std::ofstream(folder.path() / "other.pt") << "no zip file";
  EXPECT_THAT(reason(folder.path() / "other.pt"), HasSubstr("cannot use the model"));
  EXPECT_NE(reason(folder.path() / "missing.pt"), "");
}

TEST(TorchScriptWeightsTest, AFlippedByteInATensorIsNoticedByItsChecksum) {
  const TemporaryFolder folder;
  const fs::path copy = folder.path() / "model.pt";
  fs::copy_file(kBundle / "model.pt", copy);
  const ModelConfig config = read_config(kBundle / "config.json");
  {
    std::fstream file(copy, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(fs::file_size(copy) / 2);
    file.seekg(middle);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(middle);
    file.put(byte);
  }
  const auto weights = TorchScriptWeights::open(copy);
  int refused = 0;
  for (const ParameterSpec& spec : parameter_specs(config)) {
    try {
      weights.read(spec.name);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_EQ(refused, 1);
}

TEST(HalfTest, RoundsAsTheFormatSays) {
  EXPECT_EQ(float_to_half(1.0F), 0x3c00);
  EXPECT_EQ(float_to_half(65504.0F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);
  EXPECT_EQ(float_to_half(0x1p-24F), 1);
  EXPECT_EQ(float_to_half(0x1p-25F), 0);
  EXPECT_EQ(float_to_half(-2.0F), 0xc000);
  for (int bits = 0; bits < 0x7c00; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    EXPECT_EQ(float_to_half(half_to_float(half)), half);
  }
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3f80);
  EXPECT_EQ(float_to_bfloat16(1.00390625F), 0x3f80);  // half way, to even
  EXPECT_EQ(float_to_bfloat16(1.01171875F), 0x3f82);
}

}  // namespace
}  // namespace medgen::bundle
