// See the header.
#include "records/compare.h"

#include <algorithm>
#include <utility>

namespace medgen::records {

std::vector<Difference> compare(const std::vector<Completion>& recorded,
                                const std::vector<Completion>& now) {
  std::vector<Difference> differences;
  for (std::size_t i = 0; i < std::max(recorded.size(), now.size()); ++i) {
    Difference found;
    if (i >= recorded.size() || i >= now.size()) {
      found.index = static_cast<int>(i);
      found.fields = {"number of texts"};
      differences.push_back(std::move(found));
      continue;
    }
    const Completion& then = recorded[i];
    const Completion& made = now[i];
    found.index = then.index;
    const auto check = [&](const char* field, bool same) {
      if (!same) found.fields.emplace_back(field);
    };
    check("index", then.index == made.index);
    check("text", then.text == made.text);
    check("finish_reason", then.finish_reason == made.finish_reason);
    check("num_tokens", then.num_tokens == made.num_tokens);
    check("tokens", then.tokens.empty() || then.tokens == made.tokens);
    check("logprob", then.logprob == made.logprob);
    check("beam_score", then.beam_score == made.beam_score);
    if (then.text != made.text) {
      const auto at =
          std::mismatch(then.text.begin(), then.text.end(), made.text.begin(), made.text.end());
      found.first_byte = static_cast<std::size_t>(at.first - then.text.begin());
    }
    if (!found.fields.empty()) differences.push_back(std::move(found));
  }
  return differences;
}

}  // namespace medgen::records
