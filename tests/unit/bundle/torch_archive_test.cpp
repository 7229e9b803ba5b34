// Tensors of archives made by hand: every type and layout that is read, and what an archive may not
// say of them.
#include "bundle/torch_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "bundle/torchscript_weights.h"
#include "forged_archive.h"
#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen::bundle {
namespace {

namespace pickle = forging::pickle;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Number>
std::string bytes_of_all(const std::vector<Number>& values) {
  std::string bytes(values.size() * sizeof(Number), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

class TorchArchiveTest : public ::testing::Test {
 protected:
  // A module with one tensor "w" in the record data/0, or what a test makes of it.
  std::filesystem::path file(const std::string& tensor, const std::string& record,
                             bool deflated = false) const {
    const std::string module =
        pickle::object("__torch__", "M", pickle::dictionary({{"w", tensor}}));
    const auto path = folder_.path() / "model.pt";
    forging::write_archive(path, {{"data.pkl", pickle::document(module)},
                                  {"constants.pkl", pickle::document(")")},
                                  {"data/0", record, deflated}});
    return path;
  }

  std::vector<float> values(const std::string& type, const std::string& layout,
                            const std::string& record) const {
    const std::string tensor = pickle::tensor(pickle::storage(type, "0", 6), layout);
    return TorchScriptWeights::open(file(tensor, record)).read("w");
  }

  std::string refusal(const std::string& type, const std::string& layout,
                      bool deflated = false) const {
    const std::string tensor = pickle::tensor(pickle::storage(type, "0", 6), layout);
    try {
      TorchScriptWeights::open(file(tensor, floats_, deflated)).read("w");
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kModel);
      return error.what();
    }
  }

  const TemporaryFolder folder_;
  const std::string floats_ = bytes_of_all<float>({1, 2, 3, 4, 5, 6});
};

TEST_F(TorchArchiveTest, ReadsEveryFloatingType) {
  const std::string layout = pickle::layout(0, {3}, {1});
  EXPECT_THAT(values("Float", layout, floats_), ElementsAre(1, 2, 3));
  EXPECT_THAT(values("Half", layout, bytes_of_all<std::uint16_t>({0x3c00, 0xc000, 0x3800})),
              ElementsAre(1, -2, 0.5));
  EXPECT_THAT(values("BFloat16", layout, bytes_of_all<std::uint16_t>({0x3f80, 0xc000, 0x3f00})),
              ElementsAre(1, -2, 0.5));
  EXPECT_THAT(values("Double", layout, bytes_of_all<double>({1, -2, 0.5})),
              ElementsAre(1, -2, 0.5));
  EXPECT_THAT(refusal("Int", layout), HasSubstr("whole numbers"));
  EXPECT_THAT(refusal("QInt8", layout), HasSubstr("of an unsupported type"));
}

TEST_F(TorchArchiveTest, ReadsViewsInRowMajorOrder) {
  EXPECT_THAT(values("Float", pickle::layout(2, {2, 2}, {2, 1}), floats_), ElementsAre(3, 4, 5, 6));
  EXPECT_THAT(values("Float", pickle::layout(0, {3, 2}, {1, 3}), floats_),
              ElementsAre(1, 4, 2, 5, 3, 6));
  EXPECT_THAT(values("Float", pickle::layout(1, {1, 3}, {99, 2}), floats_), ElementsAre(2, 4, 6));
  EXPECT_THAT(refusal("Float", pickle::layout(0, {2}, {3})), HasSubstr("a small part"));
  EXPECT_THAT(values("Float", pickle::layout(5, {}, {}), floats_), ElementsAre(6));
  EXPECT_THAT(values("Float", pickle::layout(0, {0, 5}, {5, 1}), floats_), ElementsAre());
}

TEST_F(TorchArchiveTest, ATensorLiesWithinItsRecord) {
  EXPECT_EQ(refusal("Float", pickle::layout(0, {6}, {1})), "");
  const std::vector<std::string> beyond = {
      pickle::layout(0, {7}, {1}),         pickle::layout(6, {}, {}),
      pickle::layout(1, {6}, {1}),         pickle::layout(0, {2, 2}, {5, 1}),
      pickle::layout(1LL << 62, {1}, {1}), pickle::layout(0, {1LL << 40, 1LL << 40}, {1, 1}),
      pickle::layout(7, {0}, {1}),         pickle::layout(0, {2}, {1LL << 62}),
  };
  for (const std::string& layout : beyond) {
    EXPECT_THAT(refusal("Float", layout), HasSubstr("reaches beyond data/0"));
  }
  EXPECT_THAT(refusal("Double", pickle::layout(0, {6}, {1})), HasSubstr("reaches beyond"));
}

TEST_F(TorchArchiveTest, ATensorIsWhatItSays) {
  EXPECT_THAT(refusal("Float", pickle::layout(-1, {1}, {1})), HasSubstr("damaged"));
  EXPECT_THAT(refusal("Float", pickle::layout(0, {-1}, {1})), HasSubstr("damaged"));
  EXPECT_THAT(refusal("Float", pickle::layout(5, {2}, {-1})), HasSubstr("damaged"));
  EXPECT_THAT(refusal("Float", pickle::layout(0, {2, 3}, {1})), HasSubstr("damaged"));
  EXPECT_THAT(refusal("Float", pickle::layout(0, {1000000}, {0})), HasSubstr("repeats"));
  EXPECT_THAT(refusal("Float", pickle::layout(0, {6}, {1}), /*deflated=*/true),
              HasSubstr("compressed"));
}

TEST_F(TorchArchiveTest, NamesThatShareARecordHoldTheSame) {
  const auto tensor = [](std::int64_t offset) {
    return pickle::tensor(pickle::storage("Float", "0", 6), pickle::layout(offset, {2}, {1}));
  };
  const auto path = folder_.path() / "model.pt";
  const std::string module = pickle::object(
      "__torch__", "M", pickle::dictionary({{"a", tensor(0)}, {"b", tensor(0)}, {"c", tensor(2)}}));
  forging::write_archive(path, {{"data.pkl", pickle::document(module)},
                                {"data/0", bytes_of_all<float>({1, 2, 3, 4})}});
  const auto weights = TorchScriptWeights::open(path);
  EXPECT_TRUE(weights.same("a", "b"));
  EXPECT_FALSE(weights.same("a", "c"));
}

TEST_F(TorchArchiveTest, TwoRecordsOfOneNameAreRefused) {
  const auto path = folder_.path() / "model.pt";
  const std::string module = pickle::document(pickle::object("__torch__", "M", "}"));
  forging::write_archive(path, {{"data.pkl", module}, {"x", "1"}, {"x", "2"}});
  try {
    TorchArchive::open(path);
    ADD_FAILURE() << "it was opened";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("model.pt"), HasSubstr("two records")));
  }
}

TEST_F(TorchArchiveTest, TextMayBeCompressedButNotLongerThanAsked) {
  const auto path = folder_.path() / "model.pt";
  forging::write_archive(path, {{"data.pkl", pickle::document("N")},
                                {"code/a.py", std::string(1000, 'a'), /*deflated=*/true}});
  const auto archive = TorchArchive::open(path);
  EXPECT_EQ(archive.text("code/a.py", 1000), std::string(1000, 'a'));
  EXPECT_THROW(archive.text("code/a.py", 999), Error);
  EXPECT_THROW(archive.text("code/b.py", 999), Error);
  EXPECT_TRUE(archive.has("code/a.py"));
  EXPECT_FALSE(archive.has("code/b.py"));
}

}  // namespace
}  // namespace medgen::bundle
