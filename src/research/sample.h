// A text to be measured, with what is known of how it was made.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "medgen/tokenizer.h"

namespace medgen::records {
class RecordReader;
}

namespace medgen::research {

struct Sample {
  std::string setting;          // which row of the table it belongs to
  std::string prompt_id;        // texts of one prompt are resampled together
  int index = 0;                // of the prompt's samples
  int num_tokens = 0;           // generated, an EOS included; 0: unknown
  bool specials = false;        // special tokens of the prompt are read as such
  bool crosses_border = false;  // its first token begins with the prompt's last bytes
  std::string prompt = {};
  std::vector<TokenId> prompt_ids = {};  // what the model was fed in its place, unless empty
  std::string text = {};
  std::vector<TokenId> tokens = {};         // generated; empty: unknown
  std::optional<double> logprob = {};       // the model's, summed over num_tokens, natural
  std::optional<double> mean_entropy = {};  // of the model's distribution over num_tokens, nats
  std::string finish_reason = {};           // as in a record; empty: unknown
  // What a model makes of it, for MAUVE; null: unknown. There may be millions of samples, and most
  // have none.
  std::shared_ptr<const std::vector<float>> features = {};
};

// A prompt and its text as a model reads them: encoded together.
struct JoinedTokens {
  std::vector<TokenId> tokens;
  std::size_t first = 0;        // of the text: the first that is not among the prompt's own tokens
  bool crosses_border = false;  // tokens[first] stands for some of the prompt, too
};
JoinedTokens join_tokens(const Tokenizer& tokenizer, const std::string& prompt,
                         const std::string& text);

// The samples of one record: what `batch`, `sweep` and `generate --json` write ("completions"), a
// line of OpenAI's batch output ("response"), or a plain {"text", "setting"?, "id"?, "prompt"?}.
// `setting` and `id` apply to records without their own. A failed row ("error") has no samples.
// Throws Error(kRuntime) that says what is missing; never quotes the text.
std::vector<Sample> samples_of(const records::RecordReader& record, const std::string& setting,
                               const std::string& id);

}  // namespace medgen::research
