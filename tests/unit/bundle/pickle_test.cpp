// Pickles as data: what TorchScript writes is read, nothing is run, and no pickle costs more memory
// or stack than its length justifies.
#include "bundle/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"

namespace medgen::bundle {
namespace {

using Kind = PickleValue::Kind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text(const std::string& value) {
  std::string bytes = "X";
  for (std::size_t i = 0, size = value.size(); i < 4; ++i, size >>= 8U) {
    bytes += static_cast<char>(size & 0xffU);
  }
  return bytes + value;
}

std::string refusal(std::string bytes) {
  try {
    Pickle::parse(std::move(bytes));
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kModel);
    return error.what();
  }
}

std::string repeated(const std::string& part, std::size_t times) {
  std::string all;
  all.reserve(part.size() * times);
  for (std::size_t i = 0; i < times; ++i) all += part;
  return all;
}

TEST(PickleTest, ReadsEveryKindThatTorchScriptWrites) {
  const std::string list = "]q\x01(K\x07J\xff\xff\xff\xffM\x10\x27\x88\x89NG\x3f\xf8" +
                           std::string(6, '\0') + text("hi") + "e";
  const Pickle pickle = Pickle::parse(std::string("\x80\x02") + list + "h\x01\x86.");
  const PickleValue& pair = pickle.root();
  ASSERT_EQ(pair.kind, Kind::kTuple);
  ASSERT_EQ(pair.items.size(), 2U);
  EXPECT_EQ(pair.items[0], pair.items[1]);  // the same list, not a copy
  const PickleValue& items = pickle.at(pair.items[0]);
  ASSERT_EQ(items.items.size(), 8U);
  const auto item = [&](std::size_t i) -> const PickleValue& { return pickle.at(items.items[i]); };
  EXPECT_EQ(item(0).integer, 7);
  EXPECT_EQ(item(1).integer, -1);
  EXPECT_EQ(item(2).integer, 10000);
  EXPECT_EQ(item(3).kind, Kind::kBool);
  EXPECT_EQ(item(3).integer, 1);
  EXPECT_EQ(item(4).integer, 0);
  EXPECT_EQ(item(5).kind, Kind::kNone);
  EXPECT_EQ(item(6).real, 1.5);
  EXPECT_EQ(item(7).text, "hi");
}

TEST(PickleTest, IntegersOfUpToEightBytesKeepTheirSign) {
  EXPECT_EQ(Pickle::parse(std::string("\x8a\x00.", 3)).root().integer, 0);
  EXPECT_EQ(Pickle::parse("\x8a\x01\x80.").root().integer, -128);
  EXPECT_EQ(Pickle::parse(std::string("\x8a\x02\x80\x00.", 5)).root().integer, 128);
  EXPECT_EQ(Pickle::parse("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.").root().integer, INT64_MAX);
  EXPECT_NE(refusal(std::string("\x8a\x09") + std::string(9, '\1') + "."), "");
}

TEST(PickleTest, ObjectsAndCallsStayNames) {
  const Pickle call = Pickle::parse(std::string("cos\nsystem\n(") + text("ls") + "tR.");
  EXPECT_EQ(call.root().kind, Kind::kCall);
  EXPECT_EQ(call.text_of(call.root().what), "os\nsystem");
  ASSERT_EQ(call.arguments_of(call.root()).size(), 1U);
  EXPECT_EQ(call.text_of(call.arguments_of(call.root())[0]), "ls");

  const Pickle object =
      Pickle::parse(std::string("c__torch__\nA\n)\x81}(") + text("x") + "K\x05ub.");
  EXPECT_EQ(object.root().kind, Kind::kObject);
  EXPECT_EQ(object.text_of(object.root().what), "__torch__\nA");
  EXPECT_EQ(object.at(object.root().state).items.size(), 2U);
  EXPECT_TRUE(object.arguments_of(object.root()).empty());
}

TEST(PickleTest, ADamagedPickleIsRefusedWhereverItEnds) {
  const std::string good = std::string("\x80\x02}(") + text("key") + "(K\x01K\x02tu.";
  EXPECT_EQ(refusal(good), "");
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_NE(refusal(good.substr(0, length)), "") << length;
  }
  for (const char* bad : {".", "h\x01.", "t.", "K\x01t.", "K\x01K\x02s.", "]K\x01s.", "(.", "R.",
                          "K\x01)R.", "K\x01)\x81.",
                          // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one word
                          "}K\x01"
                          "b.",
                          "\x01.", "(K\x01\x86.", "}(K\x01u.", "cno end.", "cone\nend."}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
}

TEST(PickleTest, AValueBelowAMarkBelongsToTheContainerThatIsOpen) {
  EXPECT_NE(refusal("K\x01(\x85."), "");  // TUPLE1 of what stands below the mark
  EXPECT_NE(refusal("](a."), "");
  EXPECT_EQ(refusal("(K\x01\x85t."), "");
}

TEST(PickleTest, NestingCostsNoStack) {
  EXPECT_EQ(refusal(std::string(")") + repeated("\x85", 200000) + "."), "");
  EXPECT_THAT(refusal(repeated("(", 200000) + "."), HasSubstr("nested too deep"));
}

TEST(PickleTest, SharedValuesAreNotCopied) {
  std::string doubling = std::string(")q") + std::string(1, '\0');
  for (int level = 1; level < 100; ++level) {
    const std::string get = std::string("h") + static_cast<char>(level - 1);
    doubling += get + get + "\x86q" + static_cast<char>(level);
  }
  EXPECT_EQ(refusal(doubling + "."), "");
  // One state for many objects.
  const std::string objects = repeated(
      "c__torch__\nA\n)\x81h\x01"
      "b",
      50000);
  EXPECT_EQ(
      refusal(std::string("}(") + repeated(text("k") + "N", 1000) + "uq\x01(" + objects + "t."),
      "");
}

TEST(PickleTest, WhatIsLongerThanAnyModelIsRefused) {
  EXPECT_THAT(refusal(repeated("N", Pickle::kMaxValues + 1) + "."), HasSubstr("longer than any"));
  EXPECT_THAT(refusal(std::string(Pickle::kMaxBytes + 1, 'N')), HasSubstr("longer than any"));
  EXPECT_THAT(refusal(std::string("Nq\x01") + repeated("h\x01", Pickle::kMaxItems + 1) + "."),
              HasSubstr("longer than any"));
  std::string memo = "N";
  for (std::uint32_t key = 0; key <= Pickle::kMaxValues; ++key) {
    memo += 'r';
    for (int i = 0; i < 4; ++i) memo += static_cast<char>(key >> (8 * i) & 0xffU);
  }
  EXPECT_THAT(refusal(memo + "."), HasSubstr("longer than any"));
}

TEST(PickleTest, AValueThatContainsItselfIsOnlyAReference) {
  const Pickle pickle = Pickle::parse(
      "]q\x01h\x01"
      "a.");
  EXPECT_THAT(pickle.root().items, ElementsAre(pickle.root_ref()));
}

}  // namespace
}  // namespace medgen::bundle
