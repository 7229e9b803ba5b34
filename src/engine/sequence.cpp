// Turns the tokens of one sequence into text and decides when it ends; see sequence.h.
#include "engine/sequence.h"

#include <algorithm>

#include "base/random.h"

namespace medgen::engine {
namespace {

// Places in a sequence's stream of coins from here on belong to XTC: its own coins, which shift
// no other.
constexpr std::uint32_t kXtcCoins = 0x80000000U;
constexpr double kLog2 = 0.69314718055994530942;

}  // namespace

Sequence::Sequence(const Request& request, int index, const Tokenizer& tokenizer, int n_positions,
                   GenerationObserver& observer)
    : request_(&request),
      tokenizer_(&tokenizer),
      observer_(&observer),
      eos_(eos_ids(request, tokenizer)),
      max_new_tokens_(new_token_limit(request)),
      n_positions_(n_positions),
      mirostat_mu_(2 * request.sampling.mirostat_tau),
      stop_(request.stopping.stop, request.stopping.include_stop) {
  completion_.index = index;
}

DecodingContext Sequence::context() const {
  DecodingContext context;
  context.prompt = request_->prompt;
  context.generated = completion_.tokens;
  context.eos = eos_;
  context.max_length = static_cast<int>(request_->prompt.size()) + max_new_tokens_;
  context.tokenizer = tokenizer_;
  context.mirostat_mu = mirostat_mu_;
  return context;
}

Draw Sequence::draw(Sampler& sampler, std::span<const float> logits,
                    std::span<const float> unconditional) const {
  const SamplingParams& params = request_->sampling;
  const base::RandomKey key{.seed = params.seed,
                            .request = request_->id,
                            .sample = static_cast<std::uint32_t>(completion_.index)};
  const auto place = static_cast<std::uint32_t>(completion_.num_tokens);
  DecodingContext seen = context();
  seen.unconditional = unconditional;
  if (params.xtc_probability > 0) seen.xtc_coin = base::uniform(key, kXtcCoins | place);
  return sampler.sample(logits, params, seen, base::uniform(key, place));
}

int Sequence::last_position() const {
  return static_cast<int>(request_->prompt.size()) + completion_.num_tokens - 1;
}

bool Sequence::advance(const Draw& draw) {
  completion_.tokens.push_back(draw.token);
  ++completion_.num_tokens;
  completion_.logprob += draw.logprob;
  const SamplingParams& params = request_->sampling;
  if (params.logprobs) {
    completion_.logprobs.push_back(
        {{draw.token, draw.logprob, draw.processed_logprob}, draw.entropy, draw.alternatives});
  }
  if (params.mirostat == 2) {
    const double surprise = -draw.processed_logprob / kLog2;
    mirostat_mu_ -= params.mirostat_eta * (surprise - params.mirostat_tau);
  }
  const bool eos = std::find(eos_.begin(), eos_.end(), draw.token) != eos_.end();
  if (eos && !request_->stopping.ignore_eos) {
    finish(FinishReason::kEos);
    return false;
  }
  if (!eos) emit(stop_.push(utf8_.push(tokenizer_->token_bytes(draw.token))));
  const std::optional<FinishReason> reason = reason_to_end();
  if (reason) finish(*reason);
  return !reason;
}

std::optional<FinishReason> Sequence::reason_to_end() const {
  const StoppingParams& stopping = request_->stopping;
  if (stop_.matched()) return FinishReason::kStop;
  if (completion_.num_tokens >= max_new_tokens_) return FinishReason::kLength;
  if (last_position() >= n_positions_) return FinishReason::kContext;  // it cannot be fed back
  if (stopping.max_time) {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
    if (passed.count() >= *stopping.max_time) return FinishReason::kTime;
  }
  if (stopping.stop_on_loop && ends_in_loop(completion_.tokens)) return FinishReason::kLoop;
  return std::nullopt;
}

void Sequence::interrupt(FinishReason reason) { finish(reason); }

void Sequence::emit(const std::string& piece) {
  const std::string text = request_->stopping.end_at_sentence ? sentences_.push(piece) : piece;
  if (text.empty()) return;
  completion_.text += text;
  observer_->on_text(request_->id, completion_.index, text);
}

void Sequence::finish(FinishReason reason) {
  if (!stop_.matched()) emit(stop_.push(utf8_.flush()));  // half a character, as U+FFFD
  if (!stop_.matched()) emit(stop_.flush());
  completion_.finish_reason = stop_.matched() ? FinishReason::kStop : reason;
  if (request_->stopping.end_at_sentence) {
    const std::string rest = sentences_.flush(/*whole=*/reason == FinishReason::kEos);
    completion_.text += rest;
    if (!rest.empty()) observer_->on_text(request_->id, completion_.index, rest);
  }
  observer_->on_finish(request_->id, completion_);
}

std::vector<Request> split_variants(const Request& request) {
  if (request.variants.empty()) return {request};
  std::vector<Request> requests;
  for (const DecodingSettings& variant : request.variants) {
    requests.push_back({.id = request.id,
                        .tag = request.tag,
                        .prompt = request.prompt,
                        .num_return_sequences = variant.num_return_sequences,
                        .sampling = variant.sampling,
                        .stopping = variant.stopping});
  }
  return requests;
}

int new_token_limit(std::size_t prompt_tokens, const StoppingParams& stopping) {
  if (stopping.max_new_tokens) return *stopping.max_new_tokens;
  return stopping.max_length - static_cast<int>(prompt_tokens);
}

int new_token_limit(const Request& request) {
  return new_token_limit(request.prompt.size(), request.stopping);
}

std::vector<TokenId> eos_ids(const Request& request, const Tokenizer& tokenizer) {
  if (!request.stopping.eos_token_id.empty()) return request.stopping.eos_token_id;
  return tokenizer.eos_id() ? std::vector<TokenId>{*tokenizer.eos_id()} : std::vector<TokenId>{};
}

bool ends_in_loop(std::span<const TokenId> tokens) {
  constexpr std::size_t kLeast = 12;
  for (std::size_t phrase = 2; 3 * phrase <= tokens.size(); ++phrase) {
    const std::size_t wanted = std::max(3 * phrase, kLeast);
    if (wanted > tokens.size()) continue;
    const auto tail = tokens.last(wanted);
    if (std::equal(tail.begin() + static_cast<std::ptrdiff_t>(phrase), tail.end(), tail.begin())) {
      return true;
    }
  }
  return false;
}

}  // namespace medgen::engine
