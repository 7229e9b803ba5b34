// The safetensors reader: right values out of good files, clear errors out of bad ones.
#include "bundle/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "unit/bundle/support.h"

namespace medgen::bundle {
namespace {

using bundle_test::error_of;
using bundle_test::float_bytes;
using bundle_test::safetensors_bytes;
using bundle_test::with_header;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string bytes_of(std::initializer_list<std::uint16_t> words) {
  std::string bytes;
  for (const std::uint16_t word : words) {
    bytes += static_cast<char>(word & 0xFFU);
    bytes += static_cast<char>(word >> 8U);
  }
  return bytes;
}

std::string refusal(const std::string& content) {
  const TemporaryFolder folder;
  base::write_file(folder / "model.safetensors", content);
  return error_of([&] { Safetensors::open(folder / "model.safetensors"); });
}

TEST(SafetensorsTest, ReadsTheThreeFloatTypes) {
  const TemporaryFolder folder;
  base::write_file(
      folder / "m.safetensors",
      safetensors_bytes({
          {"bytes", "U8", {1}, "x"},  // so that what follows is not aligned
          {"single", "F32", {2, 1}, float_bytes({1.5F, -2e-30F})},
          // 1, -2, largest, smallest subnormal, largest subnormal, -0
          {"half", "F16", {6}, bytes_of({0x3C00, 0xC000, 0x7BFF, 0x0001, 0x03FF, 0x8000})},
          {"brain", "BF16", {2}, bytes_of({0x3F80, 0xC049})},
      }));
  const Safetensors file = Safetensors::open(folder / "m.safetensors");
  EXPECT_EQ(file.tensors().at("single").shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_THAT(file.read_float32("single"), ElementsAre(1.5F, -2e-30F));
  const std::vector<float> half = file.read_float32("half");
  EXPECT_THAT(half, ElementsAre(1.0F, -2.0F, 65504.0F, 0x1p-24F, 0x3FFp-24F, 0.0F));
  EXPECT_TRUE(std::signbit(half.back()));
  EXPECT_THAT(file.read_float32("brain"), ElementsAre(1.0F, -3.140625F));
}

TEST(SafetensorsTest, NamesATensorOfAnotherType) {
  const TemporaryFolder folder;
  base::write_file(folder / "m.safetensors",
                   safetensors_bytes({{"whole", "I64", {1}, std::string(8, '\0')}}));
  const Safetensors file = Safetensors::open(folder / "m.safetensors");
  EXPECT_THAT(error_of([&] { file.read_float32("whole"); }),
              AllOf(HasSubstr("\"whole\""), HasSubstr("I64")));
  EXPECT_THAT(refusal(safetensors_bytes({{"odd", "F6", {1}, "x"}})),
              AllOf(HasSubstr("\"odd\""), HasSubstr("F6")));
}

TEST(SafetensorsTest, NamesATensorWithNanOrInfinity) {
  const TemporaryFolder folder;
  base::write_file(folder / "m.safetensors",
                   safetensors_bytes({{"bad", "F32", {2}, float_bytes({0, std::nanf("")})},
                                      {"large", "F16", {1}, bytes_of({0x7C00})},
                                      {"worse", "BF16", {1}, bytes_of({0x7FC0})}}));
  const Safetensors file = Safetensors::open(folder / "m.safetensors");
  EXPECT_THAT(error_of([&] { file.read_float32("bad"); }),
              AllOf(HasSubstr("\"bad\""), HasSubstr("NaN"), HasSubstr("element 1")));
  EXPECT_THAT(error_of([&] { file.read_float32("large"); }), HasSubstr("infinity"));
  EXPECT_THAT(error_of([&] { file.read_float32("worse"); }), HasSubstr("NaN"));
}

TEST(SafetensorsTest, RefusesEveryTruncation) {
  const std::string whole =
      safetensors_bytes({{"a", "F32", {3}, float_bytes({1, 2, 3})}, {"b", "F32", {1}, "1234"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(refusal(whole.substr(0, size)).empty()) << size;
  }
}

TEST(SafetensorsTest, RefusesDamagedHeaders) {
  const auto one = [](const std::string& body) {
    return "{\"a\":{\"dtype\":\"F32\"," + body + "}}";
  };
  const auto two = [](const std::string& begin_and_end) {
    return "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
           "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" +
           begin_and_end + "}}";
  };
  const std::string data(8, '\0');
  EXPECT_THAT(refusal(with_header("{\"a\":", data)), HasSubstr("JSON"));
  EXPECT_THAT(refusal(with_header(one("\"shape\":[2]"), data)), HasSubstr("lacks"));
  EXPECT_THAT(refusal(with_header(one("\"shape\":[-2],\"data_offsets\":[0,8]"), data)),
              HasSubstr("shape"));
  EXPECT_THAT(refusal(with_header(one("\"shape\":[2],\"data_offsets\":[8,0]"), data)),
              HasSubstr("data_offsets"));
  EXPECT_THAT(refusal(with_header(one("\"shape\":[2],\"data_offsets\":[0,9]"), data)),
              HasSubstr("truncated"));
  EXPECT_THAT(refusal(with_header(one("\"shape\":[1],\"data_offsets\":[0,8]"), data)),
              HasSubstr("need 4"));
  EXPECT_THAT(
      refusal(with_header(one("\"shape\":[4611686018427387904,4],\"data_offsets\":[0,8]"), data)),
      HasSubstr("more bytes than can be counted"));
  EXPECT_THAT(refusal(with_header(two("[2,6]"), data)), HasSubstr("overlap"));
  EXPECT_THAT(refusal(with_header(two("[5,9]"), data + "x")), HasSubstr("hole"));
  EXPECT_THAT(refusal(with_header(two("[4,8]"), data + "x")), HasSubstr("damaged"));
  EXPECT_THAT(refusal(std::string(64, '\xFF')), HasSubstr("header"));
  EXPECT_THAT(refusal(std::string("<!DOCTYPE html> not found")), HasSubstr("web page"));
}

TEST(SafetensorsTest, JoinsShards) {
  const TemporaryFolder folder;
  base::write_file(folder / "1.safetensors",
                   safetensors_bytes({{"a", "F32", {1}, float_bytes({1})}}));
  base::write_file(folder / "2.safetensors",
                   safetensors_bytes({{"b", "F32", {1}, float_bytes({2})}}));
  const auto index = folder / "model.safetensors.index.json";
  const auto open_with = [&](const std::string& map) {
    base::write_file(index, "{\"weight_map\":" + map + "}");
    return Safetensors::open(index);
  };
  const Safetensors joined = open_with(R"({"a":"1.safetensors","b":"2.safetensors"})");
  EXPECT_THAT(joined.read_float32("a"), ElementsAre(1.0F));
  EXPECT_THAT(joined.read_float32("b"), ElementsAre(2.0F));
  EXPECT_THAT(error_of([&] { open_with(R"({"a":"1.safetensors","c":"2.safetensors"})"); }),
              HasSubstr("\"c\""));
  EXPECT_THAT(error_of([&] { open_with(R"({"a":"3.safetensors"})"); }), HasSubstr("3.safetensors"));
  EXPECT_THAT(error_of([&] { open_with(R"({"a":"../1.safetensors"})"); }),
              HasSubstr("plain file name"));
  base::write_file(folder / "2.safetensors",
                   safetensors_bytes({{"a", "F32", {1}, float_bytes({2})}}));
  EXPECT_THAT(error_of([&] { open_with(R"({"a":"1.safetensors","b":"2.safetensors"})"); }),
              HasSubstr("another shard"));
}

}  // namespace
}  // namespace medgen::bundle
