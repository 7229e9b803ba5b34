// See the header.
#include "jobs/features.h"

#include <algorithm>
#include <memory>

#include "medgen/error.h"
#include "native/native_backend.h"
#include "research/sweep_reference.h"

namespace medgen::jobs {
namespace {

using research::JoinedTokens;
using research::Sample;

constexpr std::size_t kRowsOfStep = 2048;

bool have_prompts(const std::vector<Sample>& samples) {
  return std::none_of(samples.begin(), samples.end(),
                      [](const Sample& sample) { return sample.prompt.empty(); });
}

// Encoded anew: ids that a record has are another tokenizer's.
JoinedTokens read_anew(const Sample& sample, const ModelFiles& model, bool with_prompt) {
  Sample bare{sample.setting, sample.prompt_id};
  if (with_prompt) bare.prompt = sample.prompt;
  bare.specials = with_prompt && sample.specials;
  bare.text = sample.text;
  JoinedTokens joined = research::tokens_as_read(bare, *model.tokenizer);
  if (model.prompt_prefix) {
    joined.tokens.insert(joined.tokens.begin(), *model.prompt_prefix);
    ++joined.first;
  }
  return joined;
}

// Reads as many texts a step as there are slots.
class FeatureReader {
 public:
  explicit FeatureReader(native::NativeBackend& backend) : backend_(backend) {}

  void add(Sample& sample, const JoinedTokens& joined) {
    if (joined.first >= joined.tokens.size()) return;
    std::span<const TokenId> tokens = joined.tokens;
    const auto context = static_cast<std::size_t>(backend_.info().n_positions);
    tokens = tokens.first(std::min(tokens.size(), context));
    const int slot = backend_.acquire_slot();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      rows_.push_back({slot, tokens[i], static_cast<int>(i), i + 1 == tokens.size()});
    }
    waiting_.push_back({&sample, slot});
    const bool full = waiting_.size() == static_cast<std::size_t>(backend_.info().max_slots);
    if (full || rows_.size() >= kRowsOfStep) finish();
  }

  void finish() {
    if (waiting_.empty()) return;
    const std::span<const float> states = backend_.hidden_states(rows_);
    const std::size_t width = states.size() / waiting_.size();
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      const auto state = states.subspan(i * width, width);
      waiting_[i].sample->features =
          std::make_shared<const std::vector<float>>(state.begin(), state.end());
      backend_.release_slot(waiting_[i].slot);
    }
    waiting_.clear();
    rows_.clear();
  }

 private:
  struct Waiting {
    Sample* sample;
    int slot;
  };

  native::NativeBackend& backend_;
  std::vector<Row> rows_;
  std::vector<Waiting> waiting_;
};

}  // namespace

research::MauveSource add_features(const ModelFiles& model, Backend& backend,
                                   std::vector<Sample>& samples, std::vector<Sample>& reference) {
  auto* native = dynamic_cast<native::NativeBackend*>(&backend);
  if (native == nullptr) {
    throw SettingError("`mauve`", {"mauve", model.name, "a GPT-2 that the native engine runs",
                                   "is " + model.name +
                                       ", which does not run natively here: take a GPT-2, on the "
                                       "CPU, with `backend` left out"});
  }
  const research::MauveSource source{model.name, model.sha256,
                                     have_prompts(samples) && have_prompts(reference)};
  FeatureReader reader(*native);
  std::size_t longest = 0;
  for (Sample& sample : samples) {
    const JoinedTokens joined = read_anew(sample, model, source.with_prompts);
    longest = std::max(longest, joined.tokens.size() - joined.first);
    reader.add(sample, joined);
  }
  for (Sample& sample : reference) {
    JoinedTokens joined = read_anew(sample, model, source.with_prompts);
    joined.tokens.resize(std::min(joined.tokens.size(), joined.first + longest));
    reader.add(sample, joined);
  }
  reader.finish();
  return source;
}

}  // namespace medgen::jobs
