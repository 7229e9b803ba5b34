// Checkpoints made by hand: what a run writes is read, and what none could have written is refused.
#include "train/checkpoint_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "forged_archive.h"
#include "medgen/error.h"
#include "temporary_folder.h"

namespace medgen::train {
namespace {

namespace pickle = forging::pickle;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Number>
std::string bytes_of_all(const std::vector<Number>& values) {
  std::string bytes(values.size() * sizeof(Number), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// One entry of the dictionary.
struct Entry {
  std::string type;  // "Long", ...
  std::int64_t count = 0;
  std::string bytes;
  bool scalar = false;
};

Entry longs(const std::vector<std::int64_t>& values) {
  return {"Long", static_cast<std::int64_t>(values.size()), bytes_of_all(values)};
}
Entry scalar(std::int64_t value) {
  return {"Long", 1, bytes_of_all(std::vector<std::int64_t>{value}), true};
}

class CheckpointFileTest : public ::testing::Test {
 protected:
  CheckpointFileTest() {
    const std::string record = "{\"format_version\": 1}";
    entries_ = {{"step", scalar(7)},
                {"next_document", longs({3, 4})},
                {"tokens_waiting.0", longs({1, 2, 5})},
                {"tokens_waiting.1", longs({})},
                {"record", {"Byte", static_cast<std::int64_t>(record.size()), record}},
                {"best_loss", {"Double", 1, bytes_of_all(std::vector<double>{2.5}), true}},
                {"best_step", scalar(6)},
                {"measures_since_best", scalar(1)}};
  }

  CheckpointFile read() const {
    forging::Records records;
    std::vector<std::pair<std::string, std::string>> members;
    for (const auto& [name, entry] : entries_) {
      const std::string number = std::to_string(records.size());
      records.push_back({"data/" + number, entry.bytes});
      members.emplace_back(name, tensor(entry, number));
    }
    return read(members, std::move(records));
  }

  static std::string tensor(const Entry& entry, const std::string& record) {
    using Sizes = std::vector<std::int64_t>;
    const Sizes shape = entry.scalar ? Sizes{} : Sizes{entry.count};
    const Sizes strides = entry.scalar ? Sizes{} : Sizes{1};
    return pickle::tensor(pickle::storage(entry.type, record, entry.count),
                          pickle::layout(0, shape, strides));
  }

  CheckpointFile read(const std::vector<std::pair<std::string, std::string>>& members,
                      forging::Records records) const {
    const std::string tagged = "ctorch.jit._pickle\nrestore_type_tag\n" +
                               pickle::tuple({pickle::dictionary(members), pickle::text("")}) + "R";
    records.push_back({"data.pkl", pickle::document(tagged)});
    forging::write_archive(folder_.path() / "checkpoint.pt", records);
    return read_checkpoint_file(folder_.path() / "checkpoint.pt");
  }

  std::string refusal(const std::string& name, const Entry& entry) {
    std::map<std::string, Entry> whole = entries_;
    entries_[name] = entry;
    std::string why;
    try {
      read();
    } catch (const Error& error) {
      why = error.what();
    }
    entries_ = std::move(whole);
    return why;
  }

  TemporaryFolder folder_;
  std::map<std::string, Entry> entries_;
};

TEST_F(CheckpointFileTest, WhatARunWritesIsRead) {
  const RunState state = read().state;
  EXPECT_EQ(state.step, 7);
  EXPECT_THAT(state.position.next_document, ElementsAre(3U, 4U));
  EXPECT_THAT(state.position.tokens_waiting, ElementsAre(ElementsAre(1, 2, 5), ElementsAre()));
  EXPECT_EQ(state.record, "{\"format_version\": 1}");
  EXPECT_EQ(state.best_loss, 2.5);
  EXPECT_EQ(state.best_step, 6);
  EXPECT_EQ(state.measures_since_best, 1);
  EXPECT_FALSE(state.anneal);
}

TEST_F(CheckpointFileTest, WhatNoRunCouldHaveWrittenIsRefused) {
  EXPECT_THAT(refusal("step", scalar(-1)), HasSubstr("its step is below 0"));
  EXPECT_THAT(refusal("step", longs({1, 2})), HasSubstr("not one number"));
  EXPECT_THAT(refusal("step", {"Float", 1, "abcd", true}), HasSubstr("of another type"));
  EXPECT_THAT(refusal("best_step", scalar(8)), HasSubstr("after its step"));
  EXPECT_THAT(refusal("measures_since_best", scalar(-1)), HasSubstr("below 0"));
  EXPECT_THAT(refusal("next_document", longs({3, -4})), HasSubstr("below 0"));
  EXPECT_THAT(refusal("next_document", longs({3, 4, 5})), HasSubstr("no tokens_waiting.2"));
  EXPECT_THAT(refusal("tokens_waiting.0", longs({-1})), HasSubstr("not a token id"));
  EXPECT_THAT(refusal("tokens_waiting.0", longs({std::int64_t{1} << 32})),
              HasSubstr("not a token id"));
}

// Each row's tokens are the same record: copied, they would take a thousand times the file.
TEST_F(CheckpointFileTest, TokensThatManyRowsShareTakeNoMoreThanTheFile) {
  constexpr std::int64_t kRows = 1000, kTokens = 10'000;
  std::vector<std::pair<std::string, std::string>> members = {
      {"step", tensor(scalar(7), "0")},
      {"next_document", tensor(longs(std::vector<std::int64_t>(kRows, 0)), "1")}};
  const Entry tokens = longs(std::vector<std::int64_t>(kTokens, 5));
  for (std::int64_t row = 0; row < kRows; ++row) {
    members.emplace_back("tokens_waiting." + std::to_string(row), tensor(tokens, "2"));
  }
  const forging::Records records = {{"data/0", scalar(7).bytes},
                                    {"data/1", std::string(kRows * 8, '\0')},
                                    {"data/2", tokens.bytes}};
  try {
    read(members, records);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("repeats what other tensors hold"));
  }
}

}  // namespace
}  // namespace medgen::train
