// What bad input leads to: a clear message on standard error, the right exit status, nothing on
// standard output and never a word of the prompt. Knows nothing of where the checks are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "cli/models.h"
#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPrompt = "secret ache";

// Runs generate with the tiny model unless `words` name another; expects the status and the
// message.
void expect_refusal(int status, const std::vector<std::string>& words,
                    const std::vector<std::string>& message, const RunOptions& options = {}) {
  std::vector<std::string> all = {"generate", "--model", tiny_model()};
  all.insert(all.end(), words.begin(), words.end());
  const RunResult result = run(all, options);
  const std::string shown = ::testing::PrintToString(words);
  EXPECT_EQ(result.status, status) << shown << "\n" << result.err;
  EXPECT_EQ(result.out, "") << shown;
  EXPECT_THAT(result.err, HasSubstr("medgen: error: ")) << shown;
  EXPECT_THAT(result.err, Not(HasSubstr("secret"))) << shown;
  for (const std::string& part : message) EXPECT_THAT(result.err, HasSubstr(part)) << shown;
}

TEST(BadInputTest, AnObjectOfVeryManyMembersIsWrongUsage) {
  std::string object = "{\"1\":1";
  for (int i = 2; i <= 8193; ++i) object += ",\"" + std::to_string(i) + "\":1";
  for (const char* option : {"--logit-bias", "--prompt-ids"}) {
    expect_refusal(2, {option, object + "}"}, {"more than 8192 members"});
  }
}

TEST(BadInputTest, ParametersOutOfRangeAreWrongUsage) {
  const std::vector<std::vector<std::string>> cases = {{"--temperature", "-1"},
                                                       {"--temperature", "nan"},
                                                       {"--temperature", "inf"},
                                                       {"--temperature", "1e400"},
                                                       {"--temperature", ""},
                                                       {"--top-k", "-1"},
                                                       {"--top-k", "3abc"},
                                                       {"--top-p", "0"},
                                                       {"--top-p", "1.5"},
                                                       {"--top-p", "nan"},
                                                       {"-n", "0"},
                                                       {"-n", "1000000000"},
                                                       {"-n", "99999999999"},
                                                       {"--max-length", "0"},
                                                       {"--max-new-tokens", "-5"},
                                                       {"--seed", "-1"},
                                                       {"--seed", "18446744073709551616"},
                                                       {"--threads", "-2"},
                                                       {"--device", "tpu"},
                                                       {"--color", "pink"}};
  for (const auto& bad : cases) {
    std::vector<std::string> words = bad;
    words.emplace_back(kPrompt);
    const bool number = bad[1].find_first_not_of("-0123456789.e") == std::string::npos;
    expect_refusal(2, words, {number ? bad[1] : bad[0].substr(2)});
  }
}

TEST(BadInputTest, MistypedAndContradictingOptionsAreWrongUsage) {
  expect_refusal(2, {"--tempreature", "1", kPrompt}, {"unknown option --tempreature"});
  expect_refusal(2, {kPrompt, "another secret"}, {"quotes"});
  expect_refusal(2, {"--seed"}, {"--seed"});
  expect_refusal(2, {"--greedy", "--temperature", "1", kPrompt}, {"cannot be combined"});
  expect_refusal(2, {"--prompt-file", "/dev/null", kPrompt}, {"cannot be combined"});
  expect_refusal(2, {"--greedy", "-n", "3", kPrompt}, {"greedy"});
  expect_refusal(2, {"--stop", "", kPrompt}, {"stop"});
  expect_refusal(2, {"--config", "/nonexistent.ini", kPrompt}, {"/nonexistent.ini"});
  expect_refusal(2, {kPrompt}, {"MEDGEN_TOP_K is a text of 3 characters"},
                 {.environment = {{"MEDGEN_TOP_K", "few"}}});
}

TEST(BadInputTest, ValueOutOfRangeIsNamedAfterThePlaceThatSetIt) {
  const std::string rest = "-1; it must be finite and at least 0: 0 always takes";
  const auto config = (scratch() / "places.ini").string();
  write(config, "# mine\nseed = 1\ntemperature = -1\n");
  const std::string from_flag = "error: temperature is " + rest;
  const std::string from_variable = "the environment variable MEDGEN_TEMPERATURE is " + rest;
  const std::string from_file = "error: temperature in " + config + ", line 3, is " + rest;
  expect_refusal(2, {"--temperature", "-1", kPrompt}, {from_flag});
  expect_refusal(2, {kPrompt}, {from_variable}, {.environment = {{"MEDGEN_TEMPERATURE", "-1"}}});
  expect_refusal(2, {"--config", config, kPrompt}, {from_file});
  // What wins is what is named.
  expect_refusal(2, {"--config", config, "--temperature", "-1", kPrompt}, {from_flag},
                 {.environment = {{"MEDGEN_TEMPERATURE", "-1"}}});
  expect_refusal(2, {"--config", config, kPrompt}, {from_variable},
                 {.environment = {{"MEDGEN_TEMPERATURE", "-1"}}});
}

TEST(BadInputTest, OptionsThatAreNoSettingsAreNamedAfterThePlaceToo) {
  for (const auto& [variable, value] :
       {std::pair{"MEDGEN_THREADS", "-2"}, {"MEDGEN_CACHE_MEMORY", "0"}}) {
    expect_refusal(2, {kPrompt},
                   {std::string("the environment variable ") + variable + " is " + value +
                    "; it must be from"},
                   {.environment = {{variable, value}}});
  }
}

TEST(BadInputTest, OptionsOfOneCommandAreNamedAfterThePlaceToo) {
  const RunResult flag = run({"explain", "--top", "0", kPrompt});
  EXPECT_EQ(flag.status, 2);
  EXPECT_THAT(flag.err, HasSubstr("error: top is 0; it must be from 1 to 1000: 5 is usual"));
  const RunResult variable = run({"explain", kPrompt}, {.environment = {{"MEDGEN_TOP", "0"}}});
  EXPECT_EQ(variable.status, 2);
  EXPECT_THAT(variable.err, HasSubstr("the environment variable MEDGEN_TOP is 0; it must be from"));
}

TEST(BadInputTest, PromptThatDoesNotFitNamesBothLengths) {
  const std::string long_prompt =
      "secret" + std::string(94, 'x');  // no merges: more tokens than 24
  expect_refusal(2, {long_prompt}, {"24"});
  expect_refusal(2, {"--max-length", "2", kPrompt}, {"2"});
}

TEST(BadInputTest, PromptFilesThatAreNoTextAreRefusedAtOnce) {
  const auto big = scratch() / "zeros";
  write(big, "");
  fs::resize_file(big, std::uintmax_t{10} << 30U);  // sparse
  const auto with_nul = scratch() / "nul.txt";
  write(with_nul, std::string("secret\0ache", 11));
  const auto latin = scratch() / "latin1.txt";
  write(latin, "secret caf\xE9");
  expect_refusal(2, {"--prompt-file", scratch().string()}, {scratch().string(), "folder"});
  expect_refusal(2, {"--prompt-file", big.string()}, {"1048576"});
  expect_refusal(2, {"--prompt-file", "/dev/zero"}, {"1048576"});
  expect_refusal(2, {"--prompt-file", "/nonexistent"}, {"/nonexistent"});
  expect_refusal(2, {"--prompt-file", with_nul.string()}, {"byte offset 6"});
  expect_refusal(2, {"--prompt-file", latin.string()}, {"10"});
  expect_refusal(2, {"secret\xFF"}, {"6"});
}

TEST(BadInputTest, StandardInputIsHeldToTheSameLimits) {
  expect_refusal(2, {}, {"1048576"}, {.input_path = "/dev/zero"});
  expect_refusal(2, {}, {"10"}, {.input = "secret caf\xE9"});
  expect_refusal(2, {}, {"standard input"}, {.input_path = "/"});
}

TEST(BadInputTest, NoTextOnATerminalIsAnErrorAndDoesNotWait) {
  const RunResult result = run({"generate", "--model", tiny_model()}, {.terminal = true});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("no text to continue"));
}

TEST(BadInputTest, ModelsThatCannotBeUsedAreStatusThree) {
  const auto garbage = scratch() / "garbage.pt";
  write(garbage, "this is no archive");
  const auto empty = scratch() / "empty_folder";
  fs::create_directories(empty);
  expect_refusal(3, {"--model", "/nonexistent", kPrompt}, {"/nonexistent"});
  expect_refusal(3, {"--model", empty.string(), kPrompt}, {empty.string()});
  expect_refusal(2, {"--model", garbage.string(), kPrompt}, {"--tokenizer"});
  expect_refusal(
      3, {"--model", garbage.string(), "--tokenizer", checkpoint_tokenizer().string(), kPrompt},
      {"garbage.pt"});
  expect_refusal(3, {"--model", garbage.string(), "--tokenizer", empty.string(), kPrompt},
                 {empty.string()});
  expect_refusal(2, {"--tokenizer", checkpoint_tokenizer().string(), kPrompt},
                 {"tokenizer of its own"});
}

TEST(BadInputTest, DamagedBundleIsNoticed) {
  const auto changed = copy_of_tiny_model("changed");
  std::string bytes = read(changed / "model.pt");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write(changed / "model.pt", bytes);
  // As long as its packed weights are there, model.pt is not even read.
  for (const char* precision : {"fp32", "bf16", "int8"}) {
    fs::remove(changed / (std::string("packed-") + precision + ".bin"));
  }
  expect_refusal(3, {"--model", changed.string(), kPrompt}, {"model.pt"});

  const auto truncated = copy_of_tiny_model("truncated");
  fs::resize_file(truncated / "model.pt", bytes.size() / 2);
  expect_refusal(3, {"--model", truncated.string(), kPrompt}, {"model.pt"});

  const auto missing = copy_of_tiny_model("missing");
  fs::remove(missing / "vocab.json");
  expect_refusal(3, {"--model", missing.string(), kPrompt}, {"vocab.json"});

  const auto no_manifest = copy_of_tiny_model("no_manifest");
  write(no_manifest / "manifest.json", "{");
  expect_refusal(3, {"--model", no_manifest.string(), kPrompt}, {"manifest.json"});
}

TEST(BadInputTest, IntactCopyOfTheBundleRuns) {
  const auto copy = copy_of_tiny_model("intact");
  EXPECT_EQ(run({"--model", copy.string(), kPrompt}).status, 0);
}

TEST(BadInputTest, TokenizerWithMoreIdsThanTheModelIsRefused) {
  const fs::path full = fs::path(MEDGEN_FIXTURES) / "gpt2";
  if (!fs::exists(full)) GTEST_SKIP() << "there is no other tokenizer";
  expect_refusal(3,
                 {"--model", (checkpoint("traced") / "model.pt").string(), "--tokenizer",
                  full.string(), kPrompt},
                 {"ids"});
}

TEST(BadInputTest, CudaWithoutCudaIsAClearError) {
  std::vector<std::string> words = {"generate", "--model", tiny_model(),
                                    "--device", "cuda",    kPrompt};
  const RunResult result = run(words);
  if (result.status == 0) GTEST_SKIP() << "CUDA works here";
  EXPECT_THAT(result.err, HasSubstr("cuda"));
  EXPECT_GT(result.status, 0);
  EXPECT_LT(result.status, 4);
}

// What scripts/check relies on.
TEST(BadInputTest, ParsingAloneAcceptsOrRefusesACommandLine) {
  RunOptions parse_only;
  parse_only.environment["MEDGEN_PARSE_ONLY"] = "1";
  const RunResult fine = run({"inspect", "/no/such/model"}, parse_only);
  EXPECT_EQ(fine.status, 0);
  EXPECT_EQ(fine.out, "");
  EXPECT_THAT(fine.err, HasSubstr("nothing was run"));
  EXPECT_EQ(run({"generate", "--temprature", "1"}, parse_only).status, 2);
  // Companion: any other value leaves the command as it is.
  for (const char* value : {"", "0", "false"}) {
    parse_only.environment["MEDGEN_PARSE_ONLY"] = value;
    EXPECT_EQ(run({"inspect", "/no/such/model"}, parse_only).status, 3) << value;
  }
}

TEST(BadInputTest, ConversionThatFailsLeavesNothingBehind) {
  const auto source = scratch() / "broken_checkpoint";
  fs::remove_all(source);
  fs::copy(checkpoint("gelu_new_odd_head"), source, fs::copy_options::recursive);
  fs::resize_file(source / "model.safetensors", fs::file_size(source / "model.safetensors") / 2);
  const auto folder = scratch() / "conversions";
  fs::create_directories(folder);
  const RunResult result = run({"convert", source.string(), (folder / "out").string(),
                                "--tokenizer", checkpoint_tokenizer().string()});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.err, HasSubstr("model.safetensors"));
  EXPECT_TRUE(fs::is_empty(folder));
  EXPECT_EQ(run({"convert", "/nonexistent", (folder / "out").string()}).status, 3);
  EXPECT_EQ(run({"convert", source.string()}).status, 2);
}

}  // namespace
}  // namespace medgen::cli_tests
