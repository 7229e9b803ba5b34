// Refuses parameters that are out of range, with the value, the range and the remedy; never repairs
// them. Knows nothing of the command line but its names for the parameters.
#include "medgen/params.h"

#include <cmath>
#include <sstream>
#include <string>

#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen {
namespace {

template <typename T>
[[noreturn]] void refuse(const char* name, T value, const char* rule) {
  std::ostringstream message;
  message << name << " is " << value << "; " << rule;
  throw Error(ErrorCode::kUsage, message.str());
}

}  // namespace

void validate(const SamplingParams& params) {
  if (!std::isfinite(params.temperature) || params.temperature < 0) {
    refuse("temperature", params.temperature,
           "it must be a finite number of at least 0: 0 always takes the most likely token, 0.7 is "
           "usual");
  }
  if (params.top_k < 0) {
    refuse("top-k", params.top_k, "it must be at least 0: 0 turns it off, 50 is usual");
  }
  if (!(params.top_p > 0 && params.top_p <= 1)) {
    refuse("top-p", params.top_p,
           "it must be above 0 and at most 1: 1 turns it off, 0.95 is usual");
  }
}

void validate(const StoppingParams& params) {
  if (params.max_length < 1) {
    refuse("max-length", params.max_length,
           "it must be at least 1: it counts the tokens of the prompt and of the continuation");
  }
  if (params.max_new_tokens && *params.max_new_tokens < 1) {
    refuse("max-new-tokens", *params.max_new_tokens,
           "it must be at least 1: it counts the tokens of the continuation");
  }
  for (std::size_t i = 0; i < params.stop.size(); ++i) {
    const std::string name = "stop string number " + std::to_string(i + 1);
    if (params.stop[i].empty()) {
      throw Error(ErrorCode::kUsage, name + " is empty; it must hold at least one character");
    }
    require_utf8(params.stop[i], name);
  }
}

}  // namespace medgen
