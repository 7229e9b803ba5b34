// One sequence that is being generated: its tokens' text, its log-probability and when it ends.
// Knows nothing of slots' owners, batches or how a token was chosen.
#pragma once

#include <string>

#include "engine/sampler.h"
#include "medgen/generate.h"
#include "text/stop_strings.h"
#include "text/utf8.h"

namespace medgen {

class Sequence {
 public:
  // The continuation number `index` of `request`; all three outlive the sequence.
  Sequence(const Request& request, int index, const Tokenizer& tokenizer, int n_positions,
           GenerationObserver& observer);

  // The coin for the next token.
  double coin() const;

  // Takes the next token. True while the sequence goes on; false when it has ended and been
  // reported. Where several reasons hold at once the first of EOS, stop string, length, context is
  // given.
  bool advance(const Draw& draw);

  // Ends it as it stands, as kInterrupted.
  void interrupt();

  // What to feed next, and where.
  TokenId last_token() const { return last_token_; }
  int last_position() const;

  const Request& request() const { return *request_; }

 private:
  void emit(const std::string& piece);
  void finish(FinishReason reason);

  const Request* request_;
  const Tokenizer* tokenizer_;
  GenerationObserver* observer_;
  int max_new_tokens_;
  int n_positions_;
  TokenId last_token_ = 0;
  Completion completion_;
  Utf8Stream utf8_;
  StopMatcher stop_;
};

// How many tokens `request` may still generate, by max_new_tokens or max_length; the context is not
// looked at.
int new_token_limit(const Request& request);

}  // namespace medgen
