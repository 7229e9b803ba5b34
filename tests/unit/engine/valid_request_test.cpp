// Nothing reaches the scheduler unchecked, and each rule about a request stands once.
#include "engine/valid_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <type_traits>

#include "base/vocabulary.h"
#include "engine/settings.h"
#include "medgen/error.h"
#include "unit/byte_tokenizer.h"

namespace medgen::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

static_assert(!std::is_default_constructible_v<ValidRequest>);
static_assert(!std::is_constructible_v<ValidRequest, Request>);
static_assert(!std::is_default_constructible_v<ValidSettings>);
static_assert(!std::is_constructible_v<ValidSettings, DecodingSettings>);

Request request() {
  Request made;
  made.prompt = {'x'};
  made.num_return_sequences = 1;
  made.stopping.max_new_tokens = 8;
  return made;
}

ValidRequest check(Request request) {
  BackendInfo model;
  model.vocab_size = 257;
  model.n_positions = 16;
  model.max_slots = 4;
  const auto name = [](std::size_t i) { return "prompt " + std::to_string(i); };
  return check_request(std::move(request), name, model, ByteTokenizer());
}

template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ValidRequestTest, HoldsIdsInPlaceOfTexts) {
  Request asked = request();
  asked.sampling.bad_words_texts = {"ab"};
  const ValidRequest valid = check(asked);
  EXPECT_TRUE(valid->sampling.bad_words_texts.empty());
  EXPECT_EQ(valid->sampling.bad_words,
            (std::vector<std::vector<TokenId>>{{'a', 'b'}, {' ', 'a', 'b'}}));
}

TEST(ValidSettingsTest, AreRefusedAsGivenAndHoldIdsInPlaceOfTexts) {
  const ByteTokenizer tokenizer;
  const auto settings = [&](const char* given, const DecodingSettings& defaults = {}) {
    return check_settings(SettingsJson::parse(given), defaults, tokenizer);
  };
  EXPECT_TRUE(settings(R"({"bad_words": ["ab"]})")->sampling.bad_words_texts.empty());
  EXPECT_EQ(settings("{}")->sampling.top_k, DecodingSettings().sampling.top_k);
  EXPECT_THAT(refusal([&] { settings(R"({"top_p": 2})"); }), HasSubstr("top_p is 2"));
  EXPECT_THAT(refusal([&] { settings(R"({"suppress_tokens": [257]})"); }), HasSubstr("257"));
  EXPECT_THAT(
      refusal([&] {
        settings(R"({"guidance_scale": 2, "negative_prompt": "a", "negative_prompt_ids": [1]})");
      }),
      HasSubstr("both set"));
  DecodingSettings bad;
  bad.sampling.top_p = 2;
  EXPECT_THAT(refusal([&] { settings("{}", bad); }), HasSubstr("top-p is 2"));
}

TEST(ValidSettingsTest, TakeThePlaceOfTheRequestsOwn) {
  const ByteTokenizer tokenizer;
  const ValidSettings settings =
      check_settings(SettingsJson::parse(R"({"n": 2, "max_new_tokens": 3})"), {}, tokenizer);
  BackendInfo model;
  model.vocab_size = 257;
  model.n_positions = 16;
  const auto name = [](std::size_t) { return "the prompt"; };
  Request asked = request();
  asked.sampling.top_p = 9;
  const ValidRequest valid = check_request(settings, std::move(asked), name, model, tokenizer);
  EXPECT_EQ(valid->num_return_sequences, 2);
  EXPECT_EQ(valid->stopping.max_new_tokens, 3);
  EXPECT_EQ(valid->sampling.top_p, settings->sampling.top_p);
  Request long_one = request();
  long_one.prompt.assign(17, 'x');
  EXPECT_THAT(
      refusal([&] { check_request(settings, std::move(long_one), name, model, tokenizer); }),
      StartsWith("the prompt is 17 tokens long"));
}

TEST(ValidRequestTest, ARefusalNamesThePromptUnderItsVariant) {
  Request asked = request();
  asked.variants.resize(2);
  asked.variants[1].stopping.max_length = 1;
  EXPECT_THAT(refusal([&] { check(asked); }), StartsWith("prompt 1 is 1 tokens long"));
  asked.variants.pop_back();
  EXPECT_EQ(refusal([&] { check(asked); }), "accepted");
}

TEST(ValidRequestTest, BeamsAndSequencesAreRefusedInTheSameWordsEverywhere) {
  DecodingSettings settings;
  settings.sampling.num_beams = 2;
  settings.sampling.temperature = 0;
  settings.sampling.top_k = 0;
  settings.num_return_sequences = 3;
  Request asked = request();
  asked.sampling = settings.sampling;
  asked.num_return_sequences = 3;
  const std::string message = refusal([&] { check(asked); });
  EXPECT_THAT(message, HasSubstr("at most the number of beams"));
  EXPECT_EQ(refusal([&] { validate(settings); }), message);
}

TEST(ValidRequestTest, ATokenizerWithMoreIdsThanTheModelIsRefused) {
  const base::VocabularyWords words{"the tokenizer", "the model's vocab_size is", "give another"};
  EXPECT_EQ(refusal([&] { base::require_all_ids(ByteTokenizer(), 256, words); }),
            "the tokenizer has 257 ids but the model's vocab_size is 256; give another");
  EXPECT_EQ(refusal([&] { base::require_all_ids(ByteTokenizer(), 257, words); }), "accepted");
}

}  // namespace
}  // namespace medgen::engine
