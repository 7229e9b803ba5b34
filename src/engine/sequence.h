// One sequence that is being generated: its tokens and their text, its log-probability, the coins
// it draws with and when it ends.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "engine/unsaid.h"
#include "medgen/generate.h"
#include "text/sentence_end.h"
#include "text/stop_strings.h"
#include "text/utf8.h"

namespace medgen::engine {

class Sequence {
 public:
  // The continuation number `index` of `request`; all three outlive the sequence.
  Sequence(const Request& request, int index, const Tokenizer& tokenizer, int n_positions,
           GenerationObserver& observer);

  // Draws the next token from its logits, [vocab], with the coin of this place: one for each token,
  // whatever the settings; and one for each time that the place is drawn again. `unconditional`:
  // logits for guidance. Throws as Sampler::sample().
  Draw draw(Sampler& sampler, std::span<const float> logits,
            std::span<const float> unconditional = {}) const;

  // What the steps see.
  DecodingContext context() const;

  // Takes the next token. True while the sequence continues; false when it has ended and been
  // reported. If several reasons apply at once, the first of EOS, stop string, length, context,
  // time, loop is reported. With never_say it may continue with fewer tokens than before: then
  // last_token() has been fed, but what was drawn after it does not count.
  bool advance(const Draw& draw);

  // Ends it as it stands, as kInterrupted or for another external reason.
  void interrupt(FinishReason reason = FinishReason::kInterrupted);

  void set_beam_score(double score) { completion_.beam_score = score; }

  // What to feed next, and where: the prompt's last token if there is no other.
  TokenId last_token() const;
  int last_position() const;
  int num_tokens() const { return completion_.num_tokens; }

  const Request& request() const { return *request_; }

 private:
  bool is_eos(TokenId token) const;
  void count(TokenId token, double logprob, double processed_logprob);
  bool go_back(int place);
  bool is_late() const;
  std::optional<FinishReason> reason_to_end() const;
  void emit(const std::string& piece);
  void finish(FinishReason reason);

  const Request* request_;
  const Tokenizer* tokenizer_;
  GenerationObserver* observer_;
  std::vector<TokenId> eos_;
  int max_new_tokens_;
  int n_positions_;
  double mirostat_mu_;  // bits
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  Completion completion_;
  text::Utf8Stream utf8_;
  text::StopMatcher stop_;
  text::SentenceCutter sentences_;
  std::optional<Unsaid> unsaid_;
};

// A request for each of the variants of `request`; itself alone if it has none.
std::vector<Request> split_variants(const Request& request);

// How many tokens `request` may still generate, by max_new_tokens or max_length; ignores the
// examined.
int new_token_limit(const Request& request);
int new_token_limit(std::size_t prompt_tokens, const StoppingParams& stopping);

// The ids that end a text of this request, for settings about the end too.
std::vector<TokenId> eos_ids(const Request& request, const Tokenizer& tokenizer);

// Whether the last tokens are one phrase at least three times over, at least 12 tokens together.
bool ends_in_loop(std::span<const TokenId> tokens);

}  // namespace medgen::engine
