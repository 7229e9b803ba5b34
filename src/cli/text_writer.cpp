// Continuations as text, in order.
#include "cli/text_writer.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "cli/terminal.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

}  // namespace

TextWriter::TextWriter(Output& output, std::string_view prompt, int num_sequences, TextStyle style)
    : output_(output),
      prompt_(style.sanitise ? visible(prompt) : std::string(prompt)),
      style_(style),
      sequences_(static_cast<std::size_t>(num_sequences)) {}

void TextWriter::open_block() {
  if (current_ > 0) output_.write_as_is("\n");
  output_.write_as_is(fmt::format("Generated #{}: ", current_ + 1));
  if (style_.color && !prompt_.empty()) {
    output_.write_as_is(std::string(kDim) + prompt_ + std::string(kPlain));
  } else {
    output_.write_as_is(prompt_);
  }
  block_open_ = true;
}

void TextWriter::continue_block(std::string_view piece) {
  if (!block_open_) open_block();
  if (piece.empty()) return;
  const std::string text = style_.sanitise ? visible(piece) : std::string(piece);
  // Colour is reset after every piece, so that a killed program does not leave the terminal bold.
  output_.write_as_is(style_.color ? std::string(kBold) + text + std::string(kPlain) : text);
  if (style_.stream) output_.flush();
}

// A line of the tokens, from green (sure) to red (surprising), or with percentages where there is
// no colour; then the alternatives of each.
void TextWriter::write_logprobs(const std::vector<TokenLogprobs>& tokens) {
  if (style_.tokenizer == nullptr || tokens.empty()) return;
  constexpr std::array<const char*, 4> kColours = {"\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[31m"};
  constexpr std::array<double, 3> kBounds = {0.5, 0.1, 0.01};  // probability
  const auto text_of = [&](TokenId id) {
    return visible(text::replace_invalid_utf8(style_.tokenizer->token_bytes(id)));
  };
  const auto percent = [](double logprob) {
    return fmt::format("{:.3g}%", 100 * std::exp(logprob));
  };
  for (const TokenLogprobs& token : tokens) {
    const double p = std::exp(token.chosen.logprob);
    std::size_t colour = 0;
    while (colour < kBounds.size() && p < kBounds[colour]) ++colour;
    const std::string text = text_of(token.chosen.token);
    std::string line = "  ";
    line += style_.color ? kColours[colour] + text + std::string(kPlain) : text;
    line += ' ';
    line += fmt::format("{}, entropy {:.3g}", percent(token.chosen.logprob), token.entropy);
    for (std::size_t i = 0; i < token.alternatives.size(); ++i) {
      const TokenAlternative& other = token.alternatives[i];
      line += fmt::format("{}{} {}", i == 0 ? ":  " : "  ", text_of(other.token),
                          percent(other.logprob));
    }
    output_.write_as_is(line + "\n");
  }
}

void TextWriter::on_text(std::uint64_t, int index, std::string_view piece) {
  const auto place = static_cast<std::size_t>(index);
  if (place == current_) {
    continue_block(piece);
  } else {
    sequences_[place].waiting += piece;
  }
}

void TextWriter::on_finish(std::uint64_t, const Completion& completion) {
  sequences_[static_cast<std::size_t>(completion.index)].finished = true;
  sequences_[static_cast<std::size_t>(completion.index)].logprobs = completion.logprobs;
  while (current_ < sequences_.size()) {
    Sequence& sequence = sequences_[current_];
    continue_block(sequence.waiting);
    sequence.waiting.clear();
    if (!sequence.finished) break;
    output_.write_as_is("\n");
    write_logprobs(sequence.logprobs);
    block_open_ = false;
    ++current_;
  }
  output_.flush();
}

}  // namespace medgen::cli
