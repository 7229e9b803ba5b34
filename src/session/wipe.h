// Texts that a session forgets are overwritten. This reaches what the session keeps: lines,
// answers, the pieces on their way to the screen. It does not reach what others copy for
// themselves: short-lived strings of the engine and the tokenizer, the keys and values that a model
// computed of a text, the buffers of the kernel and of the terminal.
#pragma once

#include <vector>

#include "base/wipe.h"
#include "medgen/generate.h"

namespace medgen::session {

using base::wipe;

inline void wipe(Completion& completion) {
  wipe(completion.text);
  wipe(completion.tokens);
  for (TokenLogprobs& logprobs : completion.logprobs) {
    wipe(logprobs.alternatives);
    logprobs.chosen = {};
  }
  completion.logprobs.clear();
}

inline void wipe(std::vector<Completion>& completions) {
  for (Completion& completion : completions) wipe(completion);
  completions.clear();
}

inline void wipe(Request& request) {
  wipe(request.prompt);
  wipe(request.stopping.stop);
  wipe(request.sampling.bad_words);
  wipe(request.sampling.bad_words_texts);
  wipe(request.sampling.never_say);
  wipe(request.sampling.negative_prompt);
  wipe(request.sampling.negative_prompt_ids);
}

}  // namespace medgen::session
