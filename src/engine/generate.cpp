// generate(): checks every request before any runs, then hands them to the scheduler.
#include "medgen/generate.h"

#include <fmt/format.h>

#include <optional>
#include <sstream>
#include <utility>

#include "base/vocabulary.h"
#include "engine/row_loops.h"
#include "engine/scheduler.h"
#include "engine/valid_request.h"
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
  base::require_all_ids(tokenizer, model.vocab_size,
                        {"the tokenizer", "the model's vocabulary only",
                         "use the tokenizer that the model was trained with"});
  if (model.max_slots < 1) {
    refuse(ErrorCode::kRuntime, "the model has ", model.max_slots, " slots; it needs at least 1");
  }
}

void check(const BackendInfo& model, const Tokenizer& tokenizer, const GenerateOptions& options) {
  row_loops();  // refuses a MEDGEN_ISA that names none
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

class ListSource : public ValidRequestSource {
 public:
  explicit ListSource(std::vector<ValidRequest> requests) : requests_(std::move(requests)) {}
  Next next(std::optional<ValidRequest>& request, bool) override {
    if (next_ == requests_.size()) return Next::kEnd;
    request = std::move(requests_[next_++]);
    return Next::kRequest;
  }

 private:
  std::vector<ValidRequest> requests_;
  std::size_t next_ = 0;
};

// Checks what another source hands out.
class CheckedSource : public ValidRequestSource {
 public:
  CheckedSource(RequestSource& source, GenerationObserver& observer, const BackendInfo& model,
                const Tokenizer& tokenizer)
      : source_(source), observer_(observer), model_(model), tokenizer_(tokenizer) {}
  Next next(std::optional<ValidRequest>& checked, bool wait) override {
    Request request;
    const Next next = source_.next(request, wait);
    if (next != Next::kRequest) return next;
    try {
      checked = check_request(
          std::move(request), [](std::size_t) { return "the prompt"; }, model_, tokenizer_);
    } catch (const Error& error) {
      observer_.on_request_failure(request, error);
    }
    return next;
  }

 private:
  RequestSource& source_;
  GenerationObserver& observer_;
  const BackendInfo& model_;
  const Tokenizer& tokenizer_;
};

}  // namespace

void validate(const Request& request, const std::string& name, const BackendInfo& model,
              const Tokenizer& tokenizer) {
  check_request(
      Request(request), [&](std::size_t) { return name; }, model, tokenizer);
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
    case FinishReason::kNeverSay:
      return "never_say";
  }
  return "unknown";
}

void generate(Backend& backend, const Tokenizer& tokenizer, const std::vector<Request>& requests,
              GenerationObserver& observer, const GenerateOptions& options) {
  check(backend.info(), tokenizer, options);
  std::vector<ValidRequest> valid;
  for (const Request& request : requests) {
    const auto name = [&](std::size_t) {
      if (requests.size() == 1) return std::string("the prompt");
      return fmt::format("prompt {} of {}", valid.size() + 1, requests.size());
    };
    valid.push_back(check_request(Request(request), name, backend.info(), tokenizer));
  }
  ListSource source(std::move(valid));
  engine::generate(backend, tokenizer, source, observer, options);
}

void generate(Backend& backend, const Tokenizer& tokenizer, RequestSource& source,
              GenerationObserver& observer, const GenerateOptions& options) {
  CheckedSource checked(source, observer, backend.info(), tokenizer);
  engine::generate(backend, tokenizer, checked, observer, options);
}

void engine::generate(Backend& backend, const Tokenizer& tokenizer, ValidRequestSource& source,
                      GenerationObserver& observer, const GenerateOptions& options) {
  check(backend.info(), tokenizer, options);
  Scheduler(backend, tokenizer, source, observer, options).run();
}

}  // namespace medgen
