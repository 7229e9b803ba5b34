// The registry of what happens to a row of logits before a token is drawn: processors, which change
// scores, and filters, which remove tokens. Each is a small pure function; a step that is off is
// never called.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/candidates.h"
#include "medgen/params.h"
#include "medgen/tokenizer.h"

namespace medgen::engine {

// What steps may use besides the scores.
struct DecodingContext {
  std::span<const TokenId> prompt = {};     // as fed to the model
  std::span<const TokenId> generated = {};  // so far
  std::span<const TokenId> eos = {};        // ids that end a text
  int max_length = 0;                       // of prompt and continuation; 0 where there is no limit
  const Tokenizer* tokenizer = nullptr;     // null if no texts are involved
  double xtc_coin = 0;                      // in [0, 1)
  double mirostat_mu = 0;                   // bits
  std::size_t least = 1;                    // how many tokens a filter leaves where there are more
  // Logits of the model after the negative prompt, [vocab]; empty without guidance.
  std::span<const float> unconditional = {};
  // Tokens that may not be drawn here, since they led to a text of never_say.
  std::span<const TokenId> excluded = {};

  int length() const { return static_cast<int>(prompt.size() + generated.size()); }
  TokenId at(int i) const {  // of prompt and continuation as one
    const auto place = static_cast<std::size_t>(i);
    return place < prompt.size() ? prompt[place] : generated[place - prompt.size()];
  }
};

struct StepFunctions {
  bool (*active)(const SamplingParams&) = nullptr;  // null: not a step
  // One of the two. Scores: [vocab], -inf is gone.
  void (*process)(const SamplingParams&, const DecodingContext&,
                  std::span<double> scores) = nullptr;
  void (*filter)(const SamplingParams&, const DecodingContext&, Candidates&) = nullptr;
};

struct Step : StepFunctions {
  std::string_view name;  // of the setting that turns it on
};

// All of them, from the table of settings, in Hugging Face's order; those it does not have are
// where a user's own processors would, filters before renormalize_logits.
std::span<const Step> steps();

// `names`, and each step of `all` that they leave out: a processor ahead of the first filter, a
// filter behind the last one that neither scales nor ends the row (temperature, mirostat).
std::vector<std::string_view> with_unnamed(std::vector<std::string_view> names,
                                           std::span<const Step> all);

bool is_named_order(std::string_view order);  // "hf", "vllm", "llama"

// The active steps in the order that the parameters ask for. Throws Error(kUsage) for an unknown or
// repeated name, or a filter that is on but not in the order.
std::vector<const Step*> ordered_steps(const SamplingParams& params);
void check_order(const SamplingParams& params);

// The names of all steps in a tradition's order, for documents and help.
std::vector<std::string_view> named_order(std::string_view order);

}  // namespace medgen::engine
