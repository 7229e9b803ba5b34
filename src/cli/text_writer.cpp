// Continuations as text, in order.
// Must not know how text is made.
#include "cli/text_writer.h"

#include "cli/terminal.h"

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
  if (current_ > 0) output_.write("\n");
  output_.write("Generated #" + std::to_string(current_ + 1) + ": ");
  if (style_.color && !prompt_.empty()) {
    output_.write(std::string(kDim) + prompt_ + std::string(kPlain));
  } else {
    output_.write(prompt_);
  }
  block_open_ = true;
}

void TextWriter::continue_block(std::string_view piece) {
  if (!block_open_) open_block();
  if (piece.empty()) return;
  const std::string text = style_.sanitise ? visible(piece) : std::string(piece);
  // Colour is closed after every piece: a program that is killed leaves no bold terminal behind.
  output_.write(style_.color ? std::string(kBold) + text + std::string(kPlain) : text);
  if (style_.stream) output_.flush();
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
  while (current_ < sequences_.size()) {
    Sequence& sequence = sequences_[current_];
    continue_block(sequence.waiting);
    sequence.waiting.clear();
    if (!sequence.finished) break;
    output_.write("\n");
    block_open_ = false;
    ++current_;
  }
  output_.flush();
}

}  // namespace medgen::cli
