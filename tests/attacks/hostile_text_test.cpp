// Files of text that would exhaust memory, stack or time, or take over a terminal: JSON,
// vocabularies and configuration files. Each is refused with a message that names it, soon and
// cheaply.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attacks/archives.h"
#include "attacks/measured_run.h"
#include "cli/models.h"
#include "places.h"

namespace medgen::attacks {
namespace {

namespace fs = std::filesystem;
using cli_tests::scratch;
using cli_tests::write;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

constexpr int kLevels = 100'000;

std::string nested(const std::string& open, const std::string& close) {
  std::string text;
  for (int i = 0; i < kLevels; ++i) text += open;
  for (int i = 0; i < kLevels; ++i) text += close;
  return text;
}

std::string nested_lists() { return nested("[", "]"); }
std::string nested_objects() { return nested("{\"a\":", "}").insert(5 * kLevels, "0"); }

// Of the model that comes with medgen, so that no libtorch is needed; its model.pt is shared.
fs::path copy_of_model(const std::string& name) {
  const fs::path copy = scratch() / name;
  fs::remove_all(copy);
  fs::create_directories(copy);
  for (const auto& entry : fs::directory_iterator(MEDGEN_DEFAULT_MODEL)) {
    const fs::path file = entry.path().filename();
    if (file == "model.pt") {
      fs::create_symlink(entry.path(), copy / file);
    } else if (entry.is_regular_file()) {
      fs::copy_file(entry.path(), copy / file);
    }
  }
  return copy;
}

Words generation(const fs::path& bundle) {
  return {"generate", "--model", bundle.string(), "--backend", "native", "-n", "1", "I feel"};
}

// Neither a signal nor much memory for `file`, and words about what is wrong.
void expect_refused(const Words& words, int status, const std::string& why, const fs::path& file) {
  SCOPED_TRACE(::testing::PrintToString(words));
  const MeasuredResult result = measured_run(words);
  EXPECT_EQ(result.status, status) << result.err.substr(0, 1000);
  EXPECT_THAT(result.err, HasSubstr(why));
  EXPECT_LT(result.err.size(), 2000U);
  expect_little_memory(result, words, file);
}

struct ModelText {
  const char* file;
  bool resealed;  // the manifest vouches for it
};

void PrintTo(const ModelText& text, std::ostream* out) { *out << text.file; }

class NestedModelTextTest : public ::testing::TestWithParam<ModelText> {};

TEST_P(NestedModelTextTest, IsRefusedSoonAndCheaply) {
  const auto [file, resealed] = GetParam();
  for (const std::string& value : {nested_lists(), nested_objects()}) {
    const fs::path bundle = copy_of_model(std::string("nested-") + file);
    write(bundle / file, "{\"x\": " + value + "}");
    if (resealed) reseal(bundle);
    expect_refused(generation(bundle), 3, "nested more deeply than 64 levels", bundle / file);
    expect_refused({"inspect", bundle.string()}, 3, file, bundle / file);
  }
}

INSTANTIATE_TEST_SUITE_P(Json, NestedModelTextTest,
                         ::testing::Values(ModelText{"manifest.json", false},
                                           ModelText{"config.json", true},
                                           ModelText{"generation_config.json", true}),
                         [](const auto& test) {
                           const std::string name = test.param.file;
                           std::string plain;
                           for (const char c : name) {
                             if (std::isalpha(static_cast<unsigned char>(c)) != 0) plain += c;
                           }
                           return plain;
                         });

TEST(NestedTextTest, TokenizersThatAreNestedAreRefused) {
  const fs::path file = scratch() / "tokenizer.json";
  write(file, "{\"model\": " + nested_lists() + "}");
  expect_refused({"tokenize", "--tokenizer", file.string(), "a"}, 3, "nested more deeply", file);
  const fs::path folder = scratch() / "nested-vocabulary";
  fs::create_directories(folder);
  write(folder / "vocab.json", "{\"a\": " + nested_lists() + "}");
  write(folder / "merges.txt", "");
  expect_refused({"tokenize", "--tokenizer", folder.string(), "a"}, 3, "vocab.json",
                 folder / "vocab.json");
}

TEST(NestedTextTest, RecordsThatAreNestedAreRefused) {
  const fs::path file = scratch() / "records.jsonl";
  for (const std::string& value : {nested_lists(), nested_objects()}) {
    write(file, "{\"text\": \"a\"}\n{\"text\": \"b\", \"settings\": " + value + "}\n");
    expect_refused({"metrics", file.string()}, 2, "nested more deeply", file);
    expect_refused({"reproduce", file.string(), "--model", MEDGEN_DEFAULT_MODEL}, 2,
                   "nested more deeply", file);
    write(file, "\n" + value);
    expect_refused({"reproduce", file.string(), "--model", MEDGEN_DEFAULT_MODEL}, 2,
                   "nested more deeply", file);
    write(file, "{\"prompt\": \"a\", \"choices\": [\"b\", \"c\"], \"answer\": 0, \"x\": " + value +
                    "}\n");
    expect_refused({"eval", "--model", MEDGEN_DEFAULT_MODEL, "--choices", file.string()}, 1,
                   "nested more deeply", file);
  }
}

TEST(HostileNumberTest, ANumberTooLargeIsNamedByItsKey) {
  const fs::path bundle = copy_of_model("too-large");
  std::string manifest = cli_tests::read(bundle / "manifest.json");
  replace_once(manifest, "\"parameter_count\": ", "\"parameter_count\": 1e400, \"x\": ");
  write(bundle / "manifest.json", manifest);
  expect_refused(generation(bundle), 3, "too large (above 1.8e308) under \"parameter_count\"",
                 bundle / "manifest.json");
}

TEST(HostileVocabularyTest, AnIdThatTheFileCannotJustifyIsRefused) {
  const fs::path folder = scratch() / "sparse";
  fs::create_directories(folder);
  write(folder / "merges.txt", "");
  write(folder / "vocab.json", "{\"a\": 1000000}");
  expect_refused({"tokenize", "--tokenizer", folder.string(), "a"}, 3, "without gaps",
                 folder / "vocab.json");
  write(folder / "vocab.json", "{\"a\": 16777215}");
  expect_refused({"tokenize", "--tokenizer", folder.string(), "a"}, 3, "0 to 1048575",
                 folder / "vocab.json");
}

// The peak of `batch --check` on one row, in megabytes.
long peak_of_row(const std::string& prompt, const std::string& tokens) {
  const fs::path file = scratch() / "long-row.jsonl";
  write(file, "{\"prompt\": \"" + prompt + "\"}\n");
  const MeasuredResult result = measured_run(
      {"batch", file.string(), "--check", "--model", MEDGEN_DEFAULT_MODEL, "--sandbox", "off"});
  EXPECT_THAT(result.out + result.err, HasSubstr(tokens));
  return result.peak_megabytes;
}

TEST(HostileTextTest, ALongRowTakesLittleMemoryWhateverItsWordsLookLike) {
  constexpr long kMegabytes = 3;
  const long least = peak_of_row("I feel ill", "0 bad");
  for (const std::string word : {"a", "#", " ", "I have a fever and ", "\u00e9"}) {
    std::string prompt;
    while (prompt.size() < kMegabytes << 20U) prompt += word;
    EXPECT_LT(peak_of_row(prompt, "1 bad") - least, 30 * kMegabytes) << word;
  }
}

TEST(HostileConfigurationTest, SectionsOfManyPartsAreRefused) {
  const fs::path file = scratch() / "medgen.conf";
  std::string parts = "a";
  for (int i = 0; i < 250'000; ++i) parts += ".a";
  const Words words = {"generate", "--config",           file.string(),
                       "--model",  MEDGEN_DEFAULT_MODEL, "I feel"};
  for (const std::string& text :
       {"[" + parts + "]\nx = 1\n", parts + " = 1\n", "[[" + parts + "]]\n"}) {
    write(file, text);
    expect_refused(words, 2, text[0] == '[' ? "no sections" : "the name of an option", file);
  }
}

TEST(HostileConfigurationTest, AnOrdinaryFileIsRead) {
  const fs::path file = scratch() / "ordinary.conf";
  write(file, "# how to draw\ntop-k = 4\nstop = [\"a\", \"[b]\"]\nseed = 1\n");
  const MeasuredResult result = measured_run({"generate", "--config", file.string(), "--model",
                                              MEDGEN_DEFAULT_MODEL, "-n", "1", "I feel"});
  EXPECT_EQ(result.status, 0) << result.err;
}

TEST(HostileNameTest, ControlCharactersOfAFileReachNoTerminal) {
  const fs::path bundle = copy_of_model("named");
  set_json(bundle / "manifest.json", {{"name", R"("tiny\u001b[2J\u009b1m")"}});
  write(bundle / "MODEL_CARD.md", "Card \x1b]0;owned\x07\n\xF0\x1b[2J\n");
  reseal(bundle);
  const MeasuredResult inspected = measured_run({"inspect", bundle.string()});
  EXPECT_EQ(inspected.status, 0) << inspected.err;
  EXPECT_THAT(inspected.out, HasSubstr("tiny^[[2J<U+009B>1m"));
  EXPECT_THAT(inspected.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(inspected.out, Not(HasSubstr("\x07")));

  const fs::path file = scratch() / "named.jsonl";
  write(file, "{\"text\": \"one two\", \"setting\": \"s\\u001b[2J\"}\n");
  const MeasuredResult measured = measured_run({"metrics", file.string()});
  EXPECT_EQ(measured.status, 0) << measured.err;
  EXPECT_THAT(measured.out + measured.err, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace medgen::attacks
