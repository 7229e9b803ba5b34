// See the header. Each is read in setting_values.cpp; a test holds the two together.
#include "engine/setting_words.h"

namespace medgen::engine {

std::vector<std::string> words_of(std::string_view setting) {
  if (setting == "sampler_order") return {"hf", "vllm", "llama"};
  if (setting == "early_stopping") return {"false", "true", "never"};
  if (setting == "end_at") return {"sentence"};
  return {};
}

}  // namespace medgen::engine
