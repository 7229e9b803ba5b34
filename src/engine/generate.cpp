// generate(): checks every request before any runs, then hands them to the scheduler. Must not know
// how prompts were read or where text goes.
#include "medgen/generate.h"

#include <sstream>

#include "engine/scheduler.h"
#include "engine/search.h"
#include "engine/sequence.h"
#include "engine/settings.h"
#include "medgen/error.h"

namespace medgen {
using namespace engine;
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

void check(const BackendInfo& model, const Tokenizer& tokenizer, const GenerateOptions& options) {
  check_tokenizer(model, tokenizer);
  if (options.prefill_chunk < 1) {
    refuse(ErrorCode::kUsage, "the prefill chunk is ", options.prefill_chunk,
           " rows; it must be at least 1, 256 is usual");
  }
  if (options.max_slots < 0) {
    refuse(ErrorCode::kUsage, "slots is ", options.max_slots,
           "; it must be at least 0: 0 takes all that the model has");
  }
}

// Requests that are already complete and checked.
class ListSource : public RequestSource {
 public:
  explicit ListSource(const std::vector<Request>& requests) : requests_(requests) {}
  Next next(Request& request, bool) override {
    if (next_ == requests_.size()) return Next::kEnd;
    request = requests_[next_++];
    return Next::kRequest;
  }

 private:
  const std::vector<Request>& requests_;
  std::size_t next_ = 0;
};

}  // namespace

void validate(const Request& request, const std::string& name, const BackendInfo& model,
              const Tokenizer& tokenizer) {
  if (!request.variants.empty()) {
    for (const Request& one : split_variants(request)) validate(one, name, model, tokenizer);
    return;
  }
  validate(request.sampling);
  validate(request.stopping);
  const int n = request.num_return_sequences;
  if (n < 1 || n > kMaxNumReturnSequences) {
    refuse(ErrorCode::kUsage, "num-return-sequences is ", n, "; it must be from 1 to ",
           kMaxNumReturnSequences);
  }
  const std::size_t length = request.prompt.size();
  check_token_ids(request.sampling, request.stopping, tokenizer.vocab_size());
  check_search(request, model);
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
    case FinishReason::kTime:
      return "time";
    case FinishReason::kLoop:
      return "loop";
  }
  return "unknown";
}

void generate(Backend& backend, const Tokenizer& tokenizer, const std::vector<Request>& requests,
              GenerationObserver& observer, const GenerateOptions& options) {
  check(backend.info(), tokenizer, options);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::ostringstream name;
    name << "prompt " << i + 1 << " of " << requests.size();
    validate(requests[i], requests.size() == 1 ? "the prompt" : name.str(), backend.info(),
             tokenizer);
  }
  ListSource source(requests);
  Scheduler(backend, tokenizer, source, observer, options).run();
}

void generate(Backend& backend, const Tokenizer& tokenizer, RequestSource& source,
              GenerationObserver& observer, const GenerateOptions& options) {
  check(backend.info(), tokenizer, options);
  Scheduler(backend, tokenizer, source, observer, options).run();
}

}  // namespace medgen
