// Turns the tokens of one sequence into text and decides when it ends; see sequence.h.
#include "engine/sequence.h"

#include <algorithm>
#include <utility>

#include "base/random.h"

namespace medgen::engine {
namespace {

// Places in a sequence's stream of coins from here on belong to XTC: its own coins, which shift
// no other.
constexpr std::uint32_t kXtcCoins = 0x80000000U;
// Samples are numbered below this. What a place was drawn for again stands above, so that such
// coins shift no other either.
constexpr unsigned kSampleBits = 12;
static_assert(kMaxNumReturnSequences <= 1U << kSampleBits);
constexpr TokenId kNoToken = -1;  // where never_say has excluded every one
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
  if (!request.sampling.never_say.empty()) unsaid_.emplace(request, tokenizer);
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
  base::RandomKey key{.seed = params.seed,
                      .request = request_->id,
                      .sample = static_cast<std::uint32_t>(completion_.index)};
  const auto place = static_cast<std::uint32_t>(completion_.num_tokens);
  DecodingContext seen = context();
  seen.unconditional = unconditional;
  if (unsaid_) {
    key.sample |= unsaid_->attempt(completion_.num_tokens) << kSampleBits;
    seen.excluded = unsaid_->excluded(completion_.num_tokens);
  }
  if (params.xtc_probability > 0) seen.xtc_coin = base::uniform(key, kXtcCoins | place);
  try {
    return sampler.sample(logits, params, seen, base::uniform(key, place));
  } catch (const NothingToDraw&) {
    if (seen.excluded.empty()) throw;
    return {.token = kNoToken};
  }
}

TokenId Sequence::last_token() const {
  return completion_.tokens.empty() ? request_->prompt.back() : completion_.tokens.back();
}

int Sequence::last_position() const {
  return static_cast<int>(request_->prompt.size()) + completion_.num_tokens - 1;
}

bool Sequence::is_eos(TokenId token) const {
  return std::find(eos_.begin(), eos_.end(), token) != eos_.end();
}

void Sequence::count(TokenId token, double logprob, double processed_logprob) {
  completion_.tokens.push_back(token);
  ++completion_.num_tokens;
  completion_.logprob += logprob;
  const SamplingParams& params = request_->sampling;
  if (params.mirostat == 2) {
    const double surprise = -processed_logprob / kLog2;
    mirostat_mu_ -= params.mirostat_eta * (surprise - params.mirostat_tau);
  }
}

bool Sequence::advance(const Draw& draw) {
  if (draw.token == kNoToken) {
    finish(FinishReason::kNeverSay);
    return false;
  }
  count(draw.token, draw.logprob, draw.processed_logprob);
  if (request_->sampling.logprobs) {
    completion_.logprobs.push_back(
        {{draw.token, draw.logprob, draw.processed_logprob}, draw.entropy, draw.alternatives});
  }
  const bool eos = is_eos(draw.token);
  if (eos && !request_->stopping.ignore_eos) {
    finish(FinishReason::kEos);
    return false;
  }
  const std::string piece = eos ? std::string() : utf8_.push(tokenizer_->token_bytes(draw.token));
  if (unsaid_) {
    const std::optional<int> place = unsaid_->take(draw, piece, utf8_.within_character());
    if (place) return go_back(*place);
    emit(unsaid_->show(stop_.push(piece)));
  } else if (!eos) {
    emit(stop_.push(piece));
  }
  const std::optional<FinishReason> reason = reason_to_end();
  if (reason) finish(*reason);
  return !reason;
}

// Everything is as it was when the token at that place had not been drawn, but that one is excluded
// there.
bool Sequence::go_back(int place) {
  const std::vector<TokenId> tokens = std::exchange(completion_.tokens, {});
  unsaid_->go_back(place, tokens[static_cast<std::size_t>(place)]);
  completion_.num_tokens = 0;
  completion_.logprob = 0;
  mirostat_mu_ = 2 * request_->sampling.mirostat_tau;
  utf8_ = {};
  stop_ = text::StopMatcher(request_->stopping.stop, request_->stopping.include_stop);
  for (int i = 0; i < place; ++i) {
    const TokenId token = tokens[static_cast<std::size_t>(i)];
    count(token, unsaid_->logprob(i), unsaid_->processed_logprob(i));
    if (!is_eos(token)) stop_.push(utf8_.push(tokenizer_->token_bytes(token)));
  }
  if (request_->sampling.logprobs) completion_.logprobs.resize(completion_.tokens.size());
  if (unsaid_->exhausted() || is_late()) {
    finish(unsaid_->exhausted() ? FinishReason::kNeverSay : FinishReason::kTime);
    return false;
  }
  return true;
}

bool Sequence::is_late() const {
  if (!request_->stopping.max_time) return false;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
  return passed.count() >= *request_->stopping.max_time;
}

std::optional<FinishReason> Sequence::reason_to_end() const {
  const StoppingParams& stopping = request_->stopping;
  if (stop_.matched()) return FinishReason::kStop;
  if (completion_.num_tokens >= max_new_tokens_) return FinishReason::kLength;
  if (last_position() >= n_positions_) return FinishReason::kContext;  // it cannot be fed back
  if (is_late()) return FinishReason::kTime;
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
  if (unsaid_) emit(unsaid_->rest());
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
