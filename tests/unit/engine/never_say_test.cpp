// Texts that are never said: what goes back, what is drawn instead and what is shown meanwhile, on
// models of a few lines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "engine/unsaid.h"
#include "medgen/error.h"
#include "medgen/generate.h"
#include "unit/engine/fake_backend.h"

namespace medgen::engine {
namespace {

using ::testing::ElementsAre;
using testing::FakeBackend;
using testing::FakeTokenizer;
using ::testing::HasSubstr;
using testing::History;
using testing::LogitsOf;
using testing::Recorder;

// What may follow each token, best first; then EOS, which is token 0.
LogitsOf after(std::size_t vocab, std::map<TokenId, History> followers, float step = 10) {
  return [=, followers = std::move(followers)](const History& history) {
    std::vector<float> logits(vocab, -100.0F);
    logits[0] = 0;
    const auto found = followers.find(history.back());
    if (found == followers.end()) return logits;
    float score = 60;
    for (const TokenId id : found->second) logits[static_cast<std::size_t>(id)] = score -= step;
    return logits;
  };
}

struct Said {
  Completion completion;
  std::vector<std::string> pieces;
  std::size_t steps = 0;
};

Said say(const std::vector<std::string>& pieces, const std::map<TokenId, History>& followers,
         const std::vector<std::string>& never_say, StoppingParams stopping = {},
         SamplingParams sampling = {}, History prompt = {1}) {
  FakeBackend backend(static_cast<int>(pieces.size()), 400, 4, after(pieces.size(), followers));
  Request request;
  request.prompt = std::move(prompt);
  sampling.never_say = never_say;
  if (sampling.num_beams > 1 && !sampling.beam_sample) sampling.temperature = 0;
  sampling.top_k = 0;
  request.sampling = sampling;
  request.stopping = std::move(stopping);
  if (!request.stopping.max_new_tokens) request.stopping.max_new_tokens = 40;
  Recorder recorder;
  generate(backend, FakeTokenizer(pieces, 0), {request}, recorder);
  EXPECT_EQ(backend.taken(), 0U);
  return {recorder.completion(0, 0), recorder.pieces[{0, 0}], backend.rows_per_step.size()};
}

const std::vector<std::string> kWords = {"",      "I",      " diag", "nosis",
                                         " cold", "nostic", " a",    "gnos"};

TEST(NeverSayEngineTest, AWordOfSeveralTokensIsTakenBackAndAnotherDrawn) {
  const std::map<TokenId, History> followers = {{1, {6}}, {6, {2, 4}}, {2, {3, 5}}};
  EXPECT_EQ(say(kWords, followers, {}).completion.text, " a diagnosis");
  const Said said = say(kWords, followers, {"diagnosis"});
  EXPECT_EQ(said.completion.text, " a cold");
  EXPECT_THAT(said.completion.tokens, ElementsAre(6, 4, 0));
  EXPECT_EQ(said.completion.finish_reason, FinishReason::kEos);
}

TEST(NeverSayEngineTest, OtherWaysToEndTheWordStay) {
  EXPECT_EQ(say(kWords, {{1, {2}}, {2, {5}}}, {"diagnosis"}).completion.text, " diagnostic");
}

TEST(NeverSayEngineTest, AWordThatThePromptBeganIsNotFinished) {
  EXPECT_EQ(say(kWords, {{2, {3, 4}}}, {"diagnosis"}, {}, {}, {2}).completion.text, " cold");
  EXPECT_EQ(say(kWords, {{7, {3, 4}}}, {"*gnosno"}, {}, {}, {2, 7}).completion.text, " cold");
}

TEST(NeverSayEngineTest, LogprobsAreThoseOfTheTokensReturned) {
  SamplingParams sampling;
  sampling.logprobs = 3;
  sampling.temperature = 1;
  const Said said = say(kWords, {{1, {2, 4}}, {2, {3}}}, {"diagnosis"}, {}, sampling);
  ASSERT_THAT(said.completion.tokens, ElementsAre(4, 0));
  ASSERT_EQ(said.completion.logprobs.size(), 2U);
  const TokenLogprobs& first = said.completion.logprobs[0];
  EXPECT_NEAR(first.chosen.logprob, -10, 1e-3) << "of the model, which preferred the other word";
  EXPECT_NEAR(*first.chosen.processed_logprob, 0, 1e-3) << "which was excluded";
  EXPECT_EQ(first.alternatives[0].token, 2);
  EXPECT_EQ(first.alternatives[0].processed_logprob, std::nullopt);
  EXPECT_EQ(said.completion.logprob,
            first.chosen.logprob + said.completion.logprobs[1].chosen.logprob);
}

TEST(NeverSayEngineTest, WhereNothingElseCanBeDrawnTheTextEnds) {
  SamplingParams sampling;
  sampling.suppress_tokens = {0, 1, 3, 4, 5, 6, 7};
  const Said said = say(kWords, {{1, {2}}}, {"diag"}, {}, sampling);
  EXPECT_EQ(said.completion.text, "");
  EXPECT_EQ(said.completion.num_tokens, 0);
  EXPECT_EQ(said.completion.logprob, 0);
  EXPECT_EQ(said.completion.finish_reason, FinishReason::kNeverSay);
  EXPECT_EQ(to_string(said.completion.finish_reason), "never_say");
}

TEST(NeverSayEngineTest, ItGivesUpAfterAHundredAttempts) {
  std::vector<std::string> pieces = {"", "I", " no"};
  History xs;
  for (int i = 0; i < 150; ++i) {
    xs.push_back(static_cast<TokenId>(pieces.size()));
    pieces.push_back(" x" + std::to_string(i));
  }
  xs.push_back(2);
  const auto run = [&](const History& followers) {
    const auto logits = after(pieces.size(), {{1, {2}}, {2, followers}}, 0.3F);
    FakeBackend backend(static_cast<int>(pieces.size()), 400, 4, logits);
    Request request;
    request.prompt = {1};
    request.sampling.temperature = 0;
    request.sampling.never_say = {"x"};
    request.stopping.max_new_tokens = 2;
    Recorder recorder;
    generate(backend, FakeTokenizer(pieces, 0), {request}, recorder);
    EXPECT_LT(backend.rows_per_step.size(), 105U);
    return recorder.completion(0, 0);
  };
  EXPECT_EQ(run(xs).text, " no");
  EXPECT_EQ(run(xs).finish_reason, FinishReason::kNeverSay);
  EXPECT_EQ(run(History(xs.begin() + 100, xs.end())).text, " no no");
}

TEST(NeverSayEngineTest, WhatMayBeTakenBackIsNotShown) {
  const std::vector<std::string> pieces = {"", "I", " a", "r", "thr", "itis", " knee", "."};
  const std::map<TokenId, History> followers = {
      {1, {2}}, {2, {3, 6}}, {3, {4}}, {4, {5}}, {6, {7}}};
  const Said said = say(pieces, followers, {"*itis"});
  EXPECT_EQ(said.completion.text, "");  // " a", the word's beginning, is excluded, and so EOS comes
  const Said word = say(pieces, followers, {"art"});
  EXPECT_EQ(word.completion.text, "");
  const std::map<TokenId, History> plain = {{1, {6}}, {6, {7}}};
  EXPECT_THAT(say(pieces, plain, {"*itis"}).pieces, ElementsAre(" knee."));
  EXPECT_THAT(say(pieces, plain, {"knees"}).pieces, ElementsAre(" knee."));
  EXPECT_THAT(say(pieces, plain, {"art"}).pieces, ElementsAre(" knee", "."));
}

TEST(NeverSayEngineTest, AStopStringCutsWhatWaitsAndMatchesOnlyWhatStays) {
  const std::vector<std::string> pieces = {"", "I", " x", " diag", "nosis", " y", "!"};
  // The stop string begins ahead of the word that goes back, and is completed by what comes then.
  const std::map<TokenId, History> followers = {{1, {2}}, {2, {3, 5}}, {3, {4}}, {5, {6}}};
  const Said said = say(pieces, followers, {"diagnosis"}, {.stop = {"x y"}});
  EXPECT_EQ(said.completion.text, " ");
  EXPECT_EQ(said.completion.finish_reason, FinishReason::kStop);
  const Said cut = say(pieces, {{1, {2}}, {2, {3}}, {3, {6}}}, {"diagnosis"}, {.stop = {"g!"}});
  EXPECT_EQ(cut.completion.text, " x dia") << "what waited is shown once the text has ended";
  const Said inside = say(pieces, {{1, {3}}, {3, {4}}}, {"diag"}, {.stop = {"diagnosis"}});
  EXPECT_EQ(inside.completion.text, "") << "never_say is first";
  EXPECT_EQ(inside.completion.finish_reason, FinishReason::kEos);
}

TEST(NeverSayEngineTest, CharactersOfSeveralTokensLeadBackToTheFirst) {
  const std::vector<std::string> pieces = {"", "I", " ", "\xC3", "\xA4rzte", "b"};
  const Said said = say(pieces, {{1, {2}}, {2, {3, 5}}, {3, {4}}}, {"ÄRZTE"});
  EXPECT_EQ(said.completion.text, " b");
  EXPECT_THAT(said.completion.tokens, ElementsAre(2, 5, 0));
}

TEST(NeverSayEngineTest, TheLengthCountsWhatIsReturned) {
  const std::map<TokenId, History> followers = {{1, {6}}, {6, {2, 6}}, {2, {3}}};
  const Said said = say(kWords, followers, {"diagnosis"}, {.max_new_tokens = 3});
  EXPECT_EQ(said.completion.text, " a a diag");
  EXPECT_EQ(said.completion.finish_reason, FinishReason::kLength);
  const Said part = say(kWords, followers, {"diagnosis"}, {.max_new_tokens = 2});
  EXPECT_EQ(part.completion.text, " a diag") << "a part of it is none of it";
  SamplingParams least;
  least.min_new_tokens = 3;
  const Said longer = say(kWords, followers, {"diagnosis"}, {.max_new_tokens = 3}, least);
  EXPECT_EQ(longer.completion.num_tokens, 3);
}

TEST(NeverSayEngineTest, GuidanceGoesBackInBothContexts) {
  SamplingParams sampling;
  sampling.temperature = 1;
  sampling.guidance_scale = 1.5;
  sampling.negative_prompt_ids = {4, 4, 4};
  const std::map<TokenId, History> followers = {{1, {2, 6}}, {6, {2, 4}}, {2, {3}}, {4, {6}}};
  const Said said =
      say(kWords, followers, {"diagnosis"}, {}, sampling);  // FakeBackend checks places
  EXPECT_THAT(said.completion.text, ::testing::Not(HasSubstr("diagnosis")));
  EXPECT_GT(said.completion.num_tokens, 1);
}

TEST(NeverSayEngineTest, BeamsThatSayItAreDropped) {
  SamplingParams sampling;
  sampling.num_beams = 2;
  const std::map<TokenId, History> followers = {{1, {2, 4}}, {2, {3, 5}}};
  EXPECT_EQ(say(kWords, followers, {}, {}, sampling).completion.text, " diagnosis");
  EXPECT_EQ(say(kWords, followers, {"diagnosis"}, {}, sampling).completion.text, " diagnostic");
  EXPECT_EQ(say(kWords, followers, {"*gnos"}, {}, sampling).completion.text, " cold");
  sampling.beam_sample = true;
  sampling.temperature = 1;
  EXPECT_THAT(say(kWords, followers, {"*gnos"}, {}, sampling).completion.text,
              ::testing::Not(HasSubstr("gnos")));
}

TEST(NeverSayEngineTest, WithoutABeamLeftTheTextEndsOrTooFewAreNamed) {
  SamplingParams sampling;
  sampling.num_beams = 2;
  sampling.suppress_tokens = {0, 1, 4, 5, 6, 7};
  const Said said = say(kWords, {{1, {2}}, {2, {3}}}, {"*nosis", "diag"}, {}, sampling);
  EXPECT_EQ(said.completion.finish_reason, FinishReason::kNeverSay);
  EXPECT_EQ(said.completion.text, "");
  Request request;
  request.prompt = {1};
  request.num_return_sequences = 2;
  request.sampling = sampling;
  request.sampling.temperature = 0;
  request.sampling.top_k = 0;
  request.sampling.never_say = {"*nosis", "diag"};
  FakeBackend backend(static_cast<int>(kWords.size()), 400, 4,
                      after(kWords.size(), {{1, {2}}, {2, {3}}}));
  Recorder recorder;
  try {
    generate(backend, FakeTokenizer(kWords, 0), {request}, recorder);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("num_return_sequences"));
  }
  EXPECT_EQ(backend.taken(), 0U);
}

// Words of one to three letters, from 12 tokens that begin them and 6 that go on, and EOS.
const std::vector<std::string> kLetters = {"",  " a", " b", " c", " d", " e", " f", "a",   "b",
                                           "c", "d",  "e",  "f",  ".",  " A", "B",  " ca", "de"};
const std::vector<std::string> kForbidden = {"a", "*cd", "b e", "da", "*fff"};

bool says(const std::string& text, const History& prompt) {
  text::NeverSay watch(kForbidden);
  std::string before;
  for (const TokenId id : prompt) before += kLetters[static_cast<std::size_t>(id)];
  watch.begin_after(before);
  return watch.push(text).has_value();
}

DecodingSettings letters(double temperature, int n) {
  DecodingSettings settings;
  settings.sampling.temperature = temperature;
  settings.sampling.top_k = 0;
  settings.sampling.seed = 11;
  settings.sampling.never_say = kForbidden;
  settings.stopping.max_new_tokens = 20;
  settings.num_return_sequences = n;
  return settings;
}

std::vector<Request> letter_requests() {
  std::vector<Request> requests;
  for (std::uint64_t id = 1; id <= 12; ++id) {
    Request& request = requests.emplace_back();
    request.id = id;
    request.prompt = History(id % 4 + 1, static_cast<TokenId>(id % 12 + 1));
    request.variants = {letters(1, 4), letters(0.4, 3), letters(1, 2), letters(2, 4)};
    request.variants[2].sampling.never_say.clear();
    request.variants[3].sampling.xtc_probability = 0.3;
    request.variants[3].stopping.ignore_eos = true;
    request.variants[3].stopping.stop = {"f d", "e"};
  }
  return requests;
}

TEST(NeverSayEngineTest, SlotsAndVariantsAndWhatElseRunsChangeNoText) {
  const int vocab = static_cast<int>(kLetters.size());
  const FakeTokenizer tokenizer(kLetters, 0);
  Recorder reference;
  FakeBackend plenty(vocab, 64, 64);
  generate(plenty, tokenizer, letter_requests(), reference);
  EXPECT_GT(plenty.n_truncated, 20) << "texts went back, or nothing was tested";
  std::size_t said = 0;
  for (const auto& [id, completion] : reference.completions) {
    const bool plain = id.second >= 7 && id.second < 9;
    const bool says_it = says(completion.text, letter_requests()[id.first - 1].prompt);
    EXPECT_TRUE(plain || !says_it);
    said += says_it ? 1 : 0;
    EXPECT_EQ(completion.tokens.size(), static_cast<std::size_t>(completion.num_tokens));
  }
  EXPECT_GT(said, 5U) << "without the list they say it";
  for (const int slots : {1, 2, 3, 16}) {
    for (const int chunk : {1, 256}) {
      FakeBackend backend(vocab, 64, slots);
      Recorder recorder;
      generate(backend, tokenizer, letter_requests(), recorder, {.prefill_chunk = chunk});
      EXPECT_EQ(recorder.texts(), reference.texts()) << slots;
      for (const auto& [id, completion] : reference.completions) {
        const Completion& same = recorder.completions.at(id);
        EXPECT_EQ(same.tokens, completion.tokens);
        EXPECT_EQ(same.logprob, completion.logprob);
        EXPECT_EQ(same.finish_reason, completion.finish_reason);
      }
      EXPECT_EQ(backend.taken(), 0U);
    }
  }
  for (const Request& whole : letter_requests()) {
    int first = 0;
    for (const DecodingSettings& settings : whole.variants) {
      Request alone;
      alone.id = whole.id;
      alone.prompt = whole.prompt;
      alone.num_return_sequences = settings.num_return_sequences;
      alone.sampling = settings.sampling;
      alone.stopping = settings.stopping;
      FakeBackend backend(vocab, 64, 3);
      Recorder recorder;
      generate(backend, tokenizer, {alone}, recorder);
      for (int i = 0; i < settings.num_return_sequences; ++i, ++first) {
        EXPECT_EQ(recorder.completion(whole.id, i).text,
                  reference.completion(whole.id, first).text);
      }
    }
  }
}

TEST(NeverSayEngineTest, AListThatIsNeverMetChangesNothing) {
  const int vocab = static_cast<int>(kLetters.size());
  std::vector<Request> requests = letter_requests();
  const auto texts_with = [&](const std::vector<std::string>& list) {
    for (Request& request : requests) {
      for (DecodingSettings& variant : request.variants) variant.sampling.never_say = list;
    }
    FakeBackend backend(vocab, 64, 8);
    Recorder recorder;
    generate(backend, FakeTokenizer(kLetters, 0), requests, recorder);
    return recorder.texts();
  };
  EXPECT_EQ(texts_with({"zzz", "*xyz"}), texts_with({}));
  EXPECT_NE(texts_with({"a"}), texts_with({}));
}

}  // namespace
}  // namespace medgen::engine
