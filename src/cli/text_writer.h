// Continuations as text: "Generated #1: ..." blocks in order, the current one as it is made, the
// others when their turn comes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/output.h"
#include "medgen/generate.h"

namespace medgen::cli {

struct TextStyle {
  bool color = false;                    // dim prompt, bold continuation
  bool sanitise = false;                 // spell out what could control a terminal
  bool stream = false;                   // pass on every piece at once
  const Tokenizer* tokenizer = nullptr;  // if set: show each token's probability, if there are any
};

class TextWriter : public GenerationObserver {
 public:
  TextWriter(Output& output, std::string_view prompt, int num_sequences, TextStyle style);

  void on_text(std::uint64_t request_id, int index, std::string_view piece) override;
  void on_finish(std::uint64_t request_id, const Completion& completion) override;

 private:
  struct Sequence {
    std::string waiting;  // made, but not its turn yet
    std::vector<TokenLogprobs> logprobs;
    bool finished = false;
  };

  void open_block();
  void continue_block(std::string_view piece);
  void write_logprobs(const std::vector<TokenLogprobs>& tokens);

  Output& output_;
  std::string prompt_;
  TextStyle style_;
  std::vector<Sequence> sequences_;
  std::size_t current_ = 0;
  bool block_open_ = false;
};

}  // namespace medgen::cli
