// generate() honours settings given as texts, for a list and for a source, also under variants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "medgen/error.h"
#include "medgen/generate.h"
#include "unit/byte_tokenizer.h"
#include "unit/engine/fake_backend.h"

namespace medgen::engine {
namespace {

using testing::FakeBackend;
using ::testing::HasSubstr;
using testing::Recorder;

constexpr int kVocab = 257;

Request request() {
  Request made;
  made.prompt = {'x'};
  made.num_return_sequences = 1;
  made.sampling.temperature = 0;
  made.stopping.max_new_tokens = 8;
  return made;
}

// Says "a" whatever comes before, "b" where that is forbidden.
std::vector<float> mostly_a(const testing::History&) {
  std::vector<float> logits(kVocab, 0.0F);
  logits['a'] = 9;
  logits['b'] = 8;
  return logits;
}

// Says "b" after "n", "a" otherwise, neither with much conviction.
std::vector<float> b_after_n(const testing::History& history) {
  std::vector<float> logits(kVocab, 0.0F);
  logits['a'] = history.front() == 'n' ? 3 : 4;
  logits['b'] = history.front() == 'n' ? 1 : 3.9F;
  return logits;
}

class OneSource : public RequestSource {
 public:
  explicit OneSource(Request request) : request_(std::move(request)) {}
  Next next(Request& request, bool) override {
    if (given_) return Next::kEnd;
    given_ = true;
    request = request_;
    return Next::kRequest;
  }

 private:
  Request request_;
  bool given_ = false;
};

// The text of each sequence, the same from a list and from a source.
std::vector<std::string> texts(const Request& request, const testing::LogitsOf& logits) {
  std::vector<std::string> both[2];
  for (const bool stream : {false, true}) {
    FakeBackend backend(kVocab, 64, 4, logits);
    Recorder recorder;
    if (stream) {
      OneSource source(request);
      generate(backend, ByteTokenizer(), source, recorder);
    } else {
      generate(backend, ByteTokenizer(), {request}, recorder);
    }
    for (const auto& [id, text] : recorder.texts()) both[stream].push_back(text);
  }
  EXPECT_EQ(both[0], both[1]);
  return both[0];
}

TEST(TextSettingsTest, ABadWordGivenAsTextIsNotSaid) {
  Request made = request();
  EXPECT_EQ(texts(made, mostly_a).at(0), "aaaaaaaa");
  made.sampling.bad_words_texts = {"a"};
  EXPECT_EQ(texts(made, mostly_a).at(0), "bbbbbbbb");
}

TEST(TextSettingsTest, ANegativePromptGivenAsTextGuides) {
  Request made = request();
  made.sampling.guidance_scale = 3;
  EXPECT_EQ(texts(made, b_after_n).at(0), "aaaaaaaa");
  made.sampling.negative_prompt = "n";
  const std::vector<std::string> as_text = texts(made, b_after_n);
  EXPECT_EQ(as_text.at(0), "bbbbbbbb");
  made.sampling.negative_prompt = {};
  made.sampling.negative_prompt_ids = {'n'};
  EXPECT_EQ(texts(made, b_after_n), as_text);
}

TEST(TextSettingsTest, EachVariantHasItsOwn) {
  Request made = request();
  for (const char* word : {"b", "a"}) {
    DecodingSettings& settings = made.variants.emplace_back();
    settings.num_return_sequences = 1;
    settings.sampling = made.sampling;
    settings.sampling.bad_words_texts = {word};
    settings.stopping = made.stopping;
  }
  const std::vector<std::string> both = texts(made, mostly_a);
  EXPECT_EQ(both.at(0), "aaaaaaaa");
  EXPECT_EQ(both.at(1), "bbbbbbbb");
}

TEST(TextSettingsTest, ANegativePromptThatIsTooLongIsRefused) {
  Request made = request();
  made.sampling.guidance_scale = 2;
  made.sampling.negative_prompt = std::string(65, 'n');
  FakeBackend backend(kVocab, 64, 4, mostly_a);
  Recorder recorder;
  try {
    generate(backend, ByteTokenizer(), {made}, recorder);
    FAIL() << "it was accepted";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("the negative prompt is 65 tokens long"));
  }
}

TEST(TextSettingsTest, TheSameTextAndIdsTogetherAreRefused) {
  Request made = request();
  made.sampling.guidance_scale = 2;
  made.sampling.negative_prompt = "n";
  made.sampling.negative_prompt_ids = {'n'};
  FakeBackend backend(kVocab, 64, 4, mostly_a);
  Recorder recorder;
  EXPECT_THROW(generate(backend, ByteTokenizer(), {made}, recorder), Error);
}

}  // namespace
}  // namespace medgen::engine
