// See the header.
#include "terminal/blocks.h"

#include <algorithm>
#include <vector>

#include "base/wipe.h"
#include "terminal/block_layout.h"
#include "terminal/region.h"
#include "text/utf8.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

// As it is drawn: a tab's width depends on where it stands.
std::string drawable(std::string_view text) {
  std::string out;
  for (const char c : text::visible(text)) {
    if (c == '\t') {
      out += "    ";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

struct Blocks::State {
  struct Block {
    text::Utf8Stream bytes;
    std::string text;  // as in BlockText
    std::vector<Range> rows;
    std::string note;
    bool finished = false;
  };

  State(Output& output, std::string_view prompt, int count, std::uint64_t used_seed, Style used)
      : seed(used_seed),
        style(used),
        blocks(static_cast<std::size_t>(std::max(1, count))),
        region(output) {
    std::string text = drawable(prompt);
    typed = text.size();
    text += kSeam;
    for (Block& block : blocks) block.text = text;
    base::wipe(text);
    wrap_all();
  }
  ~State() {
    for (Block& block : blocks) base::wipe(block.text);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  int count() const { return static_cast<int>(blocks.size()); }
  BlockText text(std::size_t i) const {
    const Block& block = blocks[i];
    return {static_cast<int>(i) + 1, count(), seed, block.text, typed, block.note, block.rows};
  }
  std::vector<Row> rows(int limit) const {
    std::vector<BlockText> texts;
    for (std::size_t i = 0; i < blocks.size(); ++i) texts.push_back(text(i));
    return block_rows(texts, style.columns, limit, style.color);
  }
  void append(Block& block, const std::string& valid) {
    block.text += drawable(valid);
    wrap_more(block.text, text_columns(count(), style.columns), block.rows);
  }
  void wrap_all() {
    const int columns = text_columns(count(), style.columns);
    for (Block& block : blocks) block.rows = wrap(block.text, columns);
  }
  // A row stays for what was typed.
  int limit() const { return std::max(1, style.rows - 1); }

  std::size_t typed = 0;
  std::uint64_t seed;
  Style style;
  std::vector<Block> blocks;
  Region region;
  std::size_t printed = 0;  // how many are, in plain mode
  bool ended = false;
};

Blocks::Blocks(Output& output, std::string_view prompt, int count, std::uint64_t seed, Style style)
    : output_(output), state_(std::make_unique<State>(output, prompt, count, seed, style)) {
  draw();
}

Blocks::~Blocks() = default;

void Blocks::on_text(int index, std::string_view piece) {
  State::Block& block = state_->blocks.at(static_cast<std::size_t>(index));
  state_->append(block, block.bytes.push(piece));
  draw();
}

void Blocks::finish(int index, std::string_view note) {
  State::Block& block = state_->blocks.at(static_cast<std::size_t>(index));
  state_->append(block, block.bytes.flush());
  block.note = drawable(note);
  block.finished = true;
  draw();
}

void Blocks::resize(int columns, int rows) {
  State& state = *state_;
  const bool same = state.style.columns == columns && state.style.rows == rows;
  state.style.columns = columns;
  state.style.rows = rows;
  if (same || state.style.plain || state.ended) return;
  state.wrap_all();
  state.region.rewrapped(columns);
  draw();
}

void Blocks::redraw() {
  state_->region.forget();
  if (!state_->ended) draw();
}

void Blocks::end() {
  State& state = *state_;
  if (state.ended) return;
  for (State::Block& block : state.blocks) {
    state.append(block, block.bytes.flush());
    block.finished = true;
  }
  draw();
  state.ended = true;
  if (state.style.plain) return;
  const std::vector<Row> all = state.rows(0);
  if (static_cast<int>(all.size()) <= state.limit()) {
    state.region.leave();
    return;
  }
  state.region.erase();
  std::string out;
  for (const Row& row : all) {
    out += row.text;
    out += "\r\n";
  }
  output_.write(out);
  base::wipe(out);
}

void Blocks::draw() {
  State& state = *state_;
  if (state.ended) return;
  if (state.style.plain) {
    for (; state.printed < state.blocks.size() && state.blocks[state.printed].finished;
         ++state.printed) {
      output_.write(plain_block(state.text(state.printed)));
    }
    return;
  }
  std::vector<Row> rows = state.rows(state.limit());
  const int last = static_cast<int>(rows.size()) - 1;
  state.region.draw(std::move(rows), last, 0);
}

}  // namespace medgen::terminal
