// What a session is made of, alone: reads lines and says what came, draws blocks when asked to.
// "/blocks N" and "/long" draw and then wait for Ctrl-C, as if texts were still made.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include "terminal/blocks.h"
#include "terminal/line_editor.h"
#include "terminal/screen.h"
#include "terminal/signals.h"

namespace {

using medgen::terminal::Blocks;
using medgen::terminal::Line;
using medgen::terminal::LineEditor;
using medgen::terminal::Screen;
using medgen::terminal::Signals;
using medgen::terminal::Size;

constexpr std::string_view kWords =
    " and a sore throat. It began three days ago \xE2\x80\x94 caf\xC3\xA9, "
    "\xE7\x99\xBC\xE7\x86\xB1 "
    "\x1b[31mred\x1b[0m, and it does not stop.";

// On a line of its own, with newlines as "|".
void say(Screen& screen, std::string text) {
  for (char& c : text) {
    if (c == '\n') c = '|';
  }
  screen.write(text + "\r\n");
}

void draw_blocks(Screen& screen, Signals& signals, int count, bool plain, int repeats) {
  signals.clear_interrupt();
  Size size = screen.size();
  Blocks blocks(screen, "I have a fever", count, 4711, {size.columns, size.rows, false, plain});
  for (int i = 0; i < count; ++i) {
    for (int times = 0; times < repeats; ++times) blocks.on_text(i, kWords);
  }
  blocks.finish(0, "length");
  while (!signals.interrupted() && !signals.hung_up()) {
    signals.wait(std::chrono::milliseconds(60000));
    if (signals.take_resumed()) blocks.redraw();
    if (!signals.take_resized()) continue;
    size = screen.size();
    blocks.resize(size.columns, size.rows);
  }
  blocks.end();
}

medgen::terminal::Completions complete(std::string_view before) {
  medgen::terminal::Completions found;
  for (const char* word : {"/blocks", "/bold", "/quit"}) {
    if (std::string_view(word).starts_with(before)) found.words.emplace_back(word);
  }
  return found;
}

int run(bool plain, std::chrono::milliseconds idle) {
  Screen screen(STDIN_FILENO, STDOUT_FILENO);
  Signals signals(screen);
  LineEditor editor(screen, signals, {plain, "text> ", complete});
  std::string next;
  while (true) {
    Line line = editor.read(next, idle);
    next.clear();
    switch (line.kind) {
      case Line::Kind::kEnd:
        say(screen, "end");
        return 0;
      case Line::Kind::kHangUp:
        editor.forget();
        screen.clear();
        return 7;
      case Line::Kind::kIdle:
        say(screen, "idle");
        return 8;
      case Line::Kind::kInterrupted:
        say(screen, "interrupted");
        break;
      case Line::Kind::kText:
        if (line.text.starts_with("/blocks ")) {
          draw_blocks(screen, signals, std::atoi(line.text.c_str() + 8), editor.plain(), 1);
        } else if (line.text == "/long") {
          draw_blocks(screen, signals, 2, editor.plain(), 20);
        } else if (line.text == "/edit") {
          next = "to be edited";
        } else if (line.text == "/forget") {
          editor.forget();
        } else {
          say(screen, "got [" + line.text + "]");
        }
    }
  }
}

}  // namespace

int main(int count, char** words) {
  bool plain = false;
  int idle = 0;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--plain") plain = true;
    if (word.starts_with("--idle=")) idle = std::atoi(words[i] + 7);
  }
  return run(plain, std::chrono::milliseconds(idle));
}
