// generate(): checks every request before any runs, then hands them to the scheduler. Must not know
// how prompts were read or where text goes.
#include "medgen/generate.h"

#include <sstream>

#include "engine/scheduler.h"
#include "engine/sequence.h"
#include "medgen/error.h"

namespace medgen {
namespace {

template <typename... Parts>
[[noreturn]] void refuse(ErrorCode code, const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(code, message.str());
}

void check_tokenizer(const BackendInfo& model, const Tokenizer& tokenizer) {
  if (tokenizer.vocab_size() > model.vocab_size) {
    refuse(ErrorCode::kModel, "the tokenizer has ", tokenizer.vocab_size(),
           " tokens, the model's vocabulary only ", model.vocab_size,
           "; use the tokenizer that the model was trained with");
  }
  if (model.max_slots < 1) {
    refuse(ErrorCode::kRuntime, "the model has ", model.max_slots, " slots; it needs at least 1");
  }
}

// `name` begins a message: "the prompt", or "prompt 3 of 10".
void check_request(const Request& request, const std::string& name, const BackendInfo& model,
                   const Tokenizer& tokenizer) {
  validate(request.sampling);
  validate(request.stopping);
  const int n = request.num_return_sequences;
  if (n < 1 || n > kMaxNumReturnSequences) {
    refuse(ErrorCode::kUsage, "num-return-sequences is ", n, "; it must be from 1 to ",
           kMaxNumReturnSequences);
  }
  const std::size_t length = request.prompt.size();
  if (length == 0) {
    refuse(ErrorCode::kUsage, name,
           " has no tokens; it needs at least one, BOS or EOS for instance");
  }
  if (length > static_cast<std::size_t>(model.n_positions)) {
    refuse(ErrorCode::kUsage, name, " is ", length, " tokens long, the model's context only ",
           model.n_positions, "; shorten it, or keep its end with --truncate-prompt");
  }
  if (new_token_limit(request) < 1) {
    refuse(ErrorCode::kUsage, name, " is ", length,
           " tokens long and max-length, which counts them, is ", request.stopping.max_length,
           "; raise --max-length above ", length, " or set --max-new-tokens");
  }
  for (const TokenId token : request.prompt) {
    if (token < 0 || token >= tokenizer.vocab_size()) {
      refuse(ErrorCode::kUsage, name, " holds the token id ", token, "; ids go from 0 to ",
             tokenizer.vocab_size() - 1);
    }
  }
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContext:
      return "context";
    case FinishReason::kInterrupted:
      return "interrupted";
  }
  return "unknown";
}

void generate(Backend& backend, const Tokenizer& tokenizer, const std::vector<Request>& requests,
              GenerationObserver& observer, const GenerateOptions& options) {
  check_tokenizer(backend.info(), tokenizer);
  if (options.prefill_chunk < 1) {
    refuse(ErrorCode::kUsage, "the prefill chunk is ", options.prefill_chunk,
           " rows; it must be at least 1, 256 is usual");
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::ostringstream name;
    name << "prompt " << i + 1 << " of " << requests.size();
    check_request(requests[i], requests.size() == 1 ? "the prompt" : name.str(), backend.info(),
                  tokenizer);
  }
  Scheduler(backend, tokenizer, requests, observer, options).run();
}

}  // namespace medgen
