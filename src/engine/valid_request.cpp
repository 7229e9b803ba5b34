// See the header. What is wrong with the settings is said before what is wrong with the prompt.
#include "engine/valid_request.h"

#include <sstream>

#include "engine/search.h"
#include "engine/sequence.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen::engine {
namespace {

template <typename... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(ErrorCode::kUsage, message.str());
}

// Checked as given before texts become ids: afterwards nobody can tell whether both were given.
void check_settings(SamplingParams& sampling, const StoppingParams& stopping, int n,
                    const Tokenizer& tokenizer) {
  validate(sampling);
  validate(stopping);
  check_sequence_count(n, sampling.num_beams);
  resolve_texts(sampling, tokenizer);
  check_token_ids(sampling, stopping, tokenizer.vocab_size());
}

void check_prompt(const Request& request, const std::function<std::string()>& name,
                  const BackendInfo& model, const Tokenizer& tokenizer) {
  const std::size_t length = request.prompt.size();
  if (length == 0) {
    refuse(name(), " has no tokens; it needs at least one, BOS or EOS for instance");
  }
  if (length > static_cast<std::size_t>(model.n_positions)) {
    refuse(name(), " is ", length, " tokens long, the model's context only ", model.n_positions,
           "; shorten it, or keep its end with `truncate_prompt`");
  }
  if (new_token_limit(request) < 1) {
    refuse(name(), " is ", length, " tokens long and max-length, which counts them, is ",
           request.stopping.max_length, "; raise `max_length` above ", length,
           " or set `max_new_tokens`");
  }
  for (const TokenId token : request.prompt) {
    if (token < 0 || token >= tokenizer.vocab_size()) {
      refuse(name(), " holds the token id ", token, "; ids go from 0 to ",
             tokenizer.vocab_size() - 1);
    }
  }
}

}  // namespace

ValidRequest check_request(Request&& request, const PromptName& prompt_name,
                           const BackendInfo& model, const Tokenizer& tokenizer) {
  if (request.variants.empty()) {
    check_settings(request.sampling, request.stopping, request.num_return_sequences, tokenizer);
  }
  for (DecodingSettings& variant : request.variants) {
    check_settings(variant.sampling, variant.stopping, variant.num_return_sequences, tokenizer);
  }
  const std::vector<Request> parts = split_variants(request);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    check_search(parts[i], model);
    check_prompt(
        parts[i], [&] { return prompt_name(i); }, model, tokenizer);
  }
  return ValidRequest(std::move(request));
}

}  // namespace medgen::engine
