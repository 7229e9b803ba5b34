// Turns the tokens of one sequence into text and decides when it ends; see sequence.h.
#include "engine/sequence.h"

#include "base/random.h"

namespace medgen {

Sequence::Sequence(const Request& request, int index, const Tokenizer& tokenizer, int n_positions,
                   GenerationObserver& observer)
    : request_(&request),
      tokenizer_(&tokenizer),
      observer_(&observer),
      max_new_tokens_(new_token_limit(request)),
      n_positions_(n_positions),
      stop_(request.stopping.stop) {
  completion_.index = index;
}

double Sequence::coin() const {
  const RandomKey key{.seed = request_->sampling.seed,
                      .request = request_->id,
                      .sample = static_cast<std::uint32_t>(completion_.index)};
  return uniform(key, static_cast<std::uint32_t>(completion_.num_tokens));
}

int Sequence::last_position() const {
  return static_cast<int>(request_->prompt.size()) + completion_.num_tokens - 1;
}

bool Sequence::advance(const Draw& draw) {
  last_token_ = draw.token;
  ++completion_.num_tokens;
  completion_.logprob += draw.logprob;
  if (draw.token == tokenizer_->eos_id()) {
    finish(FinishReason::kEos);
    return false;
  }
  emit(stop_.push(utf8_.push(tokenizer_->token_bytes(draw.token))));
  if (stop_.matched()) {
    finish(FinishReason::kStop);
  } else if (completion_.num_tokens >= max_new_tokens_) {
    finish(FinishReason::kLength);
  } else if (last_position() >= n_positions_) {  // it cannot be fed back
    finish(FinishReason::kContext);
  } else {
    return true;
  }
  return false;
}

void Sequence::interrupt() { finish(FinishReason::kInterrupted); }

void Sequence::emit(const std::string& piece) {
  if (piece.empty()) return;
  completion_.text += piece;
  observer_->on_text(request_->id, completion_.index, piece);
}

void Sequence::finish(FinishReason reason) {
  if (!stop_.matched()) emit(stop_.push(utf8_.flush()));  // half a character, as U+FFFD
  if (!stop_.matched()) emit(stop_.flush());
  completion_.finish_reason = stop_.matched() ? FinishReason::kStop : reason;
  observer_->on_finish(request_->id, completion_);
}

int new_token_limit(const Request& request) {
  const StoppingParams& stopping = request.stopping;
  if (stopping.max_new_tokens) return *stopping.max_new_tokens;
  return stopping.max_length - static_cast<int>(request.prompt.size());
}

}  // namespace medgen
