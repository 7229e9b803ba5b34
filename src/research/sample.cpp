// Samples from the records that medgen writes, and from plain ones.
#include "research/sample.h"

#include <algorithm>
#include <utility>

#include "records/reader.h"

namespace medgen::research {

JoinedTokens join_tokens(const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& text) {
  JoinedTokens joined{.tokens = tokenizer.encode(prompt + text)};
  const std::vector<TokenId> alone = tokenizer.encode(prompt);
  joined.first = static_cast<std::size_t>(
      std::mismatch(alone.begin(), alone.end(), joined.tokens.begin(), joined.tokens.end()).first -
      alone.begin());
  joined.crosses_border = joined.first < alone.size();
  return joined;
}

std::vector<Sample> samples_of(const records::RecordReader& record, const std::string& setting,
                               const std::string& id) {
  if (record.failed()) return {};
  Sample common;
  common.setting = record.setting(setting);
  common.prompt_id = record.id(id);
  common.prompt = record.prompt();
  common.prompt_ids = record.prompt_ids();
  common.specials = record.specials();
  std::vector<Sample> samples;
  for (records::RecordedText& text : record.texts()) {
    Sample& sample = samples.emplace_back(common);
    sample.index = text.index;
    sample.text = std::move(text.text);
    sample.tokens = std::move(text.tokens);
    sample.num_tokens = text.num_tokens;
    sample.logprob = text.logprob;
    sample.mean_entropy = text.mean_entropy;
    sample.finish_reason = std::move(text.finish_reason);
  }
  return samples;
}

}  // namespace medgen::research
