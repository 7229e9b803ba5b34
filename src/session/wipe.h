// Memory that held texts is overwritten before it is given back. This reaches what the session
// keeps: lines, answers, the pieces on their way to the screen. What others copy for themselves, as
// the tokenizer and the engine do, the program overwrites when it is given back:
// cli/wiped_memory.h. Nothing reaches what stands on stacks, the keys and values that a model
// computed of a text, and the buffers of the kernel and of the terminal.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "medgen/generate.h"

namespace medgen::session {

// Each leaves its argument empty. What lies beyond the size may be left from a longer text.
inline void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

inline void wipe(TokenLogprobs& logprobs);
inline void wipe(Completion& completion);
inline void wipe(Request& request);

template <class T>
void wipe(std::vector<T>& values) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    values.resize(values.capacity());
    if (!values.empty()) ::explicit_bzero(values.data(), values.size() * sizeof(T));
  } else {
    for (T& value : values) wipe(value);
  }
  values.clear();
}

inline void wipe(TokenLogprobs& logprobs) {
  wipe(logprobs.alternatives);
  logprobs.chosen = {};
}

inline void wipe(Completion& completion) {
  wipe(completion.text);
  wipe(completion.tokens);
  wipe(completion.logprobs);
}

inline void wipe(Request& request) {
  wipe(request.prompt);
  wipe(request.stopping.stop);
  wipe(request.sampling.bad_words);
  wipe(request.sampling.bad_words_texts);
  wipe(request.sampling.negative_prompt);
  wipe(request.sampling.negative_prompt_ids);
}

}  // namespace medgen::session
