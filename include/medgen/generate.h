// Runs requests through a backend: slots, prefill, sampling loop, stopping, streaming. Requests
// come as a list, or from a source that supplies the next one whenever there is room.
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

// If several apply at once, the first of kNeverSay, kEos, kStop, kLength, kContext, kTime, kLoop is
// reported.
enum class FinishReason {
  kEos,          // the model ended the text ("eos")
  kStop,         // a stop string appeared ("stop")
  kLength,       // max_new_tokens or max_length reached ("length")
  kContext,      // the last token would no longer fit into the model's context ("context")
  kInterrupted,  // the caller asked to stop ("interrupted")
  kTime,         // max_time has passed ("time")
  kLoop,         // one phrase was repeated, and stop_on_loop is set ("loop")
  kNeverSay,     // every way to go on led to a text of never_say, as far as it was tried
                 // ("never_say")
};
MEDGEN_API std::string_view to_string(FinishReason reason);

struct Request {
  // The prompt's identity: it keys the random numbers, so it must never depend on batch, slot
  // or shard.
  std::uint64_t id = 0;
  // Opaque to the library; returned with the results.
  std::uint64_t tag = 0;
  std::vector<TokenId> prompt;  // at least one token; at most n_positions; shorter than max_length
                                // unless max_new_tokens is set
  int num_return_sequences = 1;
  SamplingParams sampling;
  StoppingParams stopping;

  // Unless empty: the settings to compare, in place of the three above. The prompt is prefilled
  // once for all of them, and sample i draws the same coins under each (if their seeds are the
  // same): it is the text that a request with only these settings would give. Completions are
  // numbered consecutively from one to the next.
  std::vector<DecodingSettings> variants = {};
};

// A candidate token at one position, chosen or not.
struct TokenAlternative {
  TokenId token = 0;
  double logprob = 0;                            // of the model, natural logarithm
  std::optional<double> processed_logprob = {};  // after all settings; unset: ruled out
};

// What SamplingParams::logprobs requests for one generated token.
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
// to its Completion::text; what may still be taken back for never_say is not among them.
class MEDGEN_API GenerationObserver {
 public:
  virtual ~GenerationObserver() = default;
  virtual void on_text(std::uint64_t request_id, int index, std::string_view piece) = 0;
  virtual void on_finish(std::uint64_t request_id, const Completion& completion) = 0;

  // All samples of a request have ended, none of them interrupted: in order of index.
  virtual void on_request_finish(const Request&, std::vector<Completion>&&) {}

  // The model's output left no token to draw. None of the request's samples is
  // reported after this. The default throws the error, which ends generate().
  virtual void on_request_failure(const Request&, const Error& error) { throw Error(error); }
};

// Hands out requests one at a time. Called on the thread that runs generate().
class MEDGEN_API RequestSource {
 public:
  enum class Next {
    kRequest,  // `request` was filled
    kLater,    // none right now; only if not asked to wait
    kEnd,      // there will be no more
  };
  virtual ~RequestSource() = default;

  // `wait`: block until there is one, or there are no more. Passed only if there is nothing else to
  // do. A source that waits for input should return kLater now and then, so that an
  // interruption is noticed.
  virtual Next next(Request& request, bool wait) = 0;
};

struct GenerateOptions {
  int prefill_chunk = 256;                         // rows of prefill in one step, at most; >= 1
  int max_slots = 0;                               // use at most this many slots; 0: all
  const std::atomic<bool>* interrupted = nullptr;  // checked before every step
};

// Throws Error(kUsage) for parameters out of range, or a prompt that does not fit the model; the
// message begins with `name`: "the prompt", "prompt 3 of 10".
MEDGEN_API void validate(const Request& request, const std::string& name, const BackendInfo& model,
                         const Tokenizer& tokenizer);

// Runs all requests to their end. Settings given as texts (bad_words_texts, negative_prompt) are
// encoded first; the observer sees requests with the ids in their place. Sequences of all requests
// share the backend's slots; a finished one frees its slot for the next. A seed gives the same
// tokens whatever the number of slots, up to the backend's own rounding. When interrupted,
// sequences that have begun are finished as kInterrupted; those that have not are not reported. All
// slots are always released. Throws Error(kUsage) for parameters out of range or a prompt that does
// not fit, before anything runs; Error(kModel) for a tokenizer with more tokens than the model;
// Error(kRuntime) if a step fails: what was reported to the observer until then stays valid.
MEDGEN_API void generate(Backend& backend, const Tokenizer& tokenizer,
                         const std::vector<Request>& requests, GenerationObserver& observer,
                         const GenerateOptions& options = {});

// The same for a stream of requests: memory holds only the running ones. A request is
// validated when it is taken; if invalid, it goes to on_request_failure().
MEDGEN_API void generate(Backend& backend, const Tokenizer& tokenizer, RequestSource& source,
                         GenerationObserver& observer, const GenerateOptions& options = {});

}  // namespace medgen
