// Runs requests through a backend: slots, prefill, sampling loop, stopping, streaming. Requests
// come as a list, or from a source that is asked for the next one whenever there is room.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "medgen/backend.h"
#include "medgen/error.h"
#include "medgen/export.h"
#include "medgen/params.h"
#include "medgen/tokenizer.h"

namespace medgen {

// Where several hold at once the first of kEos, kStop, kLength, kContext, kTime, kLoop is given.
enum class FinishReason {
  kEos,          // the model ended the text ("eos")
  kStop,         // a stop string appeared ("stop")
  kLength,       // max_new_tokens or max_length reached ("length")
  kContext,      // the last token would not fit into the model's context any more ("context")
  kInterrupted,  // the caller asked to end ("interrupted")
  kTime,         // max_time has passed ("time")
  kLoop,         // one phrase was repeated, and stop_on_loop is set ("loop")
};
MEDGEN_API std::string_view to_string(FinishReason reason);

struct Request {
  // The prompt's own identity: it keys the random numbers, so it must never depend on batch, slot
  // or shard.
  std::uint64_t id = 0;
  // The caller's own mark, handed back with the results. Nothing looks at it.
  std::uint64_t tag = 0;
  std::vector<TokenId> prompt;  // at least one token; at most n_positions; shorter than max_length
                                // unless max_new_tokens is set
  int num_return_sequences = 1;
  SamplingParams sampling;
  StoppingParams stopping;

  // Unless empty: the settings to compare, in place of the three above. The prompt is prefilled
  // once for all of them, and sample i draws the same coins under each (if their seeds are the
  // same): it is the text that a request with these settings alone would give. Completions are
  // numbered on from one to the next.
  std::vector<DecodingSettings> variants = {};
};

// A token that could have come instead, or did.
struct TokenAlternative {
  TokenId token = 0;
  double logprob = 0;                            // of the model, natural logarithm
  std::optional<double> processed_logprob = {};  // after all settings; unset: they rule it out
};

// What SamplingParams::logprobs asks for, of one generated token.
struct TokenLogprobs {
  TokenAlternative chosen;
  double entropy = 0;                          // of the model's distribution, nats
  std::vector<TokenAlternative> alternatives;  // the model's likeliest, best first
};

struct Completion {
  int index = 0;     // 0 .. number of the request's sequences - 1
  std::string text;  // the continuation alone; whole UTF-8 characters; no EOS, no stop string
  FinishReason finish_reason = FinishReason::kEos;
  int num_tokens = 0;  // tokens generated, a final EOS included
  double logprob = 0;  // sum over those tokens of the model's own log-probability (temperature 1,
                       // no filter), natural logarithm, over the tokens that the tokenizer knows
  std::vector<TokenId> tokens = {};          // generated, as many as num_tokens
  std::vector<TokenLogprobs> logprobs = {};  // only when asked for; as many as num_tokens
  std::optional<double> beam_score = {};     // of beam search: see length_penalty
};

// Called on the thread that runs generate(). Text pieces of one sequence arrive in order and add up
// to its Completion::text.
class MEDGEN_API GenerationObserver {
 public:
  virtual ~GenerationObserver() = default;
  virtual void on_text(std::uint64_t request_id, int index, std::string_view piece) = 0;
  virtual void on_finish(std::uint64_t request_id, const Completion& completion) = 0;

  // All samples of a request have ended, none of them interrupted: in order of index.
  virtual void on_request_finish(const Request&, std::vector<Completion>&&) {}

  // The model gave something that no token can be drawn from. None of the request's samples is
  // reported after this. The default throws the error, which ends generate().
  virtual void on_request_failure(const Request&, const Error& error) { throw Error(error); }
};

// Hands out requests one at a time. Called on the thread that runs generate().
class MEDGEN_API RequestSource {
 public:
  enum class Next {
    kRequest,  // `request` was filled
    kLater,    // none at the moment; only when not asked to wait
    kEnd,      // there are no more, ever
  };
  virtual ~RequestSource() = default;

  // `wait`: block until there is one, or there are no more. Asked only while nothing else can be
  // done. A source that waits for somebody should return kLater now and then, so that an
  // interruption is noticed.
  virtual Next next(Request& request, bool wait) = 0;
};

struct GenerateOptions {
  int prefill_chunk = 256;                         // rows of prefill in one step, at most; >= 1
  int max_slots = 0;                               // use no more slots than these; 0: all there are
  const std::atomic<bool>* interrupted = nullptr;  // looked at before every step
};

// Throws Error(kUsage) for parameters out of range, or a prompt that does not fit the model; the
// message begins with `name`: "the prompt", "prompt 3 of 10".
MEDGEN_API void validate(const Request& request, const std::string& name, const BackendInfo& model,
                         const Tokenizer& tokenizer);

// Runs all requests to their end. Sequences of all requests share the backend's slots; a finished
// one frees its slot for the next. A seed gives the same tokens whatever the number of slots, up to
// the backend's own rounding. When interrupted, sequences that have begun are finished as
// kInterrupted; those that have not are not reported. All slots are released in any case. Throws
// Error(kUsage) for parameters out of range or a prompt that does not fit, before anything runs;
// Error(kModel) for a tokenizer with more tokens than the model; Error(kRuntime) if a step fails:
// what was reported to the observer until then stays valid.
MEDGEN_API void generate(Backend& backend, const Tokenizer& tokenizer,
                         const std::vector<Request>& requests, GenerationObserver& observer,
                         const GenerateOptions& options = {});

// The same for requests that come one after another: memory holds only those that run. A request is
// checked when it is taken; one that does not pass goes to on_request_failure().
MEDGEN_API void generate(Backend& backend, const Tokenizer& tokenizer, RequestSource& source,
                         GenerationObserver& observer, const GenerateOptions& options = {});

}  // namespace medgen
