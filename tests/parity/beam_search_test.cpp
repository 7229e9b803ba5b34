// Beam search against transformers' own, on a tiny random GPT-2: the same sequences, scores to
// 1e-4, alone and with neighbours. The fixture is made by scripts/make_sampling_fixtures.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/settings.h"
#include "jobs/convert.h"
#include "medgen/bundle.h"
#include "medgen/generate.h"
#include "needs_torch.h"
#include "parity/torch_backend.h"
#include "places.h"
#include "unit/bundle/support.h"

namespace medgen {
namespace {

using Json = nlohmann::ordered_json;
using bundle_test::fixture;
constexpr double kTolerance = 1e-4;

struct Found : GenerationObserver {
  void on_text(std::uint64_t, int, std::string_view) override {}
  void on_finish(std::uint64_t id, const Completion& completion) override {
    completions[id].push_back(completion);
  }
  std::map<std::uint64_t, std::vector<Completion>> completions;
};

Json cases() {
  return Json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/sampling/beams.json"))["cases"];
}

Request request_of(const Json& entry, std::uint64_t id) {
  const DecodingSettings settings = engine::make_settings(entry["settings"]);
  Request request;
  request.id = id;
  request.prompt = entry["prompt_ids"].get<std::vector<TokenId>>();
  request.num_return_sequences = settings.num_return_sequences;
  request.sampling = settings.sampling;
  request.stopping = settings.stopping;
  return request;
}

// The largest difference of scores; infinite if sequences differ.
double difference(const Json& entry, const std::vector<Completion>& completions) {
  if (completions.size() != entry["sequences"].size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < completions.size(); ++i) {
    if (completions[i].tokens != entry["sequences"][i].get<std::vector<TokenId>>()) return INFINITY;
    largest =
        std::max(largest, std::abs(*completions[i].beam_score - entry["scores"][i].get<double>()));
  }
  return largest;
}

class BeamSearchParityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    MEDGEN_NEEDS_TORCH();
    jobs::ConvertOptions options;
    options.tokenizer = fixture("tokenizer");
    jobs::convert_checkpoint(fixture("gelu_new_odd_head"), folder_.path() / "tiny", options);
    bundle_ = std::make_unique<Bundle>(Bundle::open(folder_.path() / "tiny"));
    backend_ = open_in_libtorch(bundle_->model_pt(), bundle_->config(),
                                {.max_slots = 8, .threads = 1, .device = "cpu"});
  }
  Found run(const std::vector<Request>& requests) {
    Found found;
    generate(*backend_, WideTokenizer(bundle_->tokenizer()), requests, found);
    return found;
  }

  // The model has ids beyond its tokenizer's, which transformers searches too.
  class WideTokenizer : public Tokenizer {
   public:
    explicit WideTokenizer(const Tokenizer& inner) : inner_(inner) {}
    std::vector<TokenId> encode(std::string_view text, Specials specials) const override {
      return inner_.encode(text, specials);
    }
    std::string decode(std::span<const TokenId> ids) const override {
      std::string text;
      for (const TokenId id : ids) text += token_bytes(id);
      return text;
    }
    std::string token_bytes(TokenId id) const override {
      return id < inner_.vocab_size() ? inner_.token_bytes(id) : "?";
    }
    std::string piece(TokenId id) const override { return token_bytes(id); }
    int vocab_size() const override { return 300; }
    std::optional<TokenId> bos_id() const override { return inner_.bos_id(); }
    std::optional<TokenId> eos_id() const override { return inner_.eos_id(); }
    std::string_view kind() const override { return inner_.kind(); }

   private:
    const Tokenizer& inner_;
  };

  TemporaryFolder folder_;
  std::unique_ptr<Bundle> bundle_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(BeamSearchParityTest, FindsWhatTransformersFinds) {
  const Json all = cases();
  ASSERT_GE(all.size(), 50U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Found found = run({request_of(all[i], i)});
    EXPECT_LT(difference(all[i], found.completions.at(i)), kTolerance) << all[i].dump();
  }
}

TEST_F(BeamSearchParityTest, FindsTheSameWithNeighbours) {
  const Json all = cases();
  std::vector<Request> requests;
  for (std::size_t i = 0; i < all.size(); ++i) {
    requests.push_back(request_of(all[i], 2 * i));
    Request& neighbour = requests.emplace_back(requests.back());
    neighbour.id = 2 * i + 1;
    neighbour.sampling = SamplingParams{.temperature = 1};
    neighbour.num_return_sequences = 3;
  }
  const Found found = run(requests);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_LT(difference(all[i], found.completions.at(2 * i)), kTolerance) << i;
    EXPECT_EQ(found.completions.at(2 * i + 1).size(), 3U);
  }
}

// Companion: a different length penalty or number of beams is detected.
TEST_F(BeamSearchParityTest, OtherSettingsFailTheSameCheck) {
  const Json all = cases();
  int red = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Request request = request_of(all[i], i);
    request.sampling.length_penalty += 0.3;
    if (difference(all[i], run({request}).completions.at(i)) > kTolerance) ++red;
  }
  EXPECT_GT(red, 45);
}

}  // namespace
}  // namespace medgen
