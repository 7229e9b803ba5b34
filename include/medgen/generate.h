// Runs requests through a backend: slots, prefill, sampling loop, stopping, streaming.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/backend.h"
#include "medgen/params.h"
#include "medgen/tokenizer.h"

namespace medgen {

// Where several hold at once the first of kEos, kStop, kLength, kContext is given.
enum class FinishReason {
  kEos,          // the model ended the text ("eos")
  kStop,         // a stop string appeared ("stop")
  kLength,       // max_new_tokens or max_length reached ("length")
  kContext,      // the last token would not fit into the model's context any more ("context")
  kInterrupted,  // the caller asked to end ("interrupted")
};
std::string_view to_string(FinishReason reason);

struct Request {
  // The prompt's own identity: it keys the random numbers, so it must never depend on batch, slot
  // or shard.
  std::uint64_t id = 0;
  std::vector<TokenId> prompt;  // at least one token; at most n_positions; shorter than max_length
                                // unless max_new_tokens is set
  int num_return_sequences = 1;
  SamplingParams sampling;
  StoppingParams stopping;
};

struct Completion {
  int index = 0;     // 0 .. num_return_sequences - 1
  std::string text;  // the continuation alone; whole UTF-8 characters; no EOS, no stop string
  FinishReason finish_reason = FinishReason::kEos;
  int num_tokens = 0;  // tokens generated, a final EOS included
  double logprob = 0;  // sum over those tokens of the model's own log-probability (temperature 1,
                       // no filter), natural logarithm, over the tokens that the tokenizer knows
};

// Called on the thread that runs generate(). Text pieces of one sequence arrive in order and add up
// to its Completion::text.
class GenerationObserver {
 public:
  virtual ~GenerationObserver() = default;
  virtual void on_text(std::uint64_t request_id, int index, std::string_view piece) = 0;
  virtual void on_finish(std::uint64_t request_id, const Completion& completion) = 0;
};

struct GenerateOptions {
  int prefill_chunk = 256;                         // rows of prefill in one step, at most; >= 1
  const std::atomic<bool>* interrupted = nullptr;  // looked at before every step
};

// Runs all requests to their end. Sequences of all requests share the backend's slots; a finished
// one frees its slot for the next. A seed gives the same tokens whatever the number of slots, up to
// the backend's own rounding. When interrupted, sequences that have begun are finished as
// kInterrupted; those that have not are not reported. All slots are released in any case. Throws
// Error(kUsage) for parameters out of range or a prompt that does not fit, before anything runs;
// Error(kModel) for a tokenizer with more tokens than the model; Error(kRuntime) if a step fails:
// what was reported to the observer until then stays valid.
void generate(Backend& backend, const Tokenizer& tokenizer, const std::vector<Request>& requests,
              GenerationObserver& observer, const GenerateOptions& options = {});

}  // namespace medgen
