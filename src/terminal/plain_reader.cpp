// Lines as the terminal edits them, or as they come through a pipe.
#include <algorithm>

#include "base/wipe.h"
#include "terminal/keys.h"
#include "terminal/line_reader.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

constexpr std::string_view kContinued = "... ";

class PlainReader : public LineReader {
 public:
  PlainReader(Screen& screen, Signals& signals, LineEditor::Settings settings)
      : screen_(screen), signals_(signals), prompt_(std::move(settings.prompt)) {}
  ~PlainReader() override { base::wipe(bytes_); }

  Line read(std::string_view initial_text, std::chrono::milliseconds idle_timeout) override;
  void set_prompt(std::string prompt) override { prompt_ = std::move(prompt); }
  void forget() override {}  // nothing is kept

 private:
  std::optional<Line> take_line(std::string& text);
  Line give_up(Line::Kind kind, std::string& text);

  Screen& screen_;
  Signals& signals_;
  std::string prompt_;
  std::string bytes_;  // what has come behind the last line
  bool ended_ = false;
};

// Adds a line to `text`; the whole, unless it goes on.
std::optional<Line> PlainReader::take_line(std::string& text) {
  const std::size_t end = bytes_.find('\n');
  if (end == std::string::npos && !(ended_ && !bytes_.empty())) return std::nullopt;
  text += cleaned_input(std::string_view(bytes_).substr(0, end));
  std::string rest = end == std::string::npos ? "" : bytes_.substr(end + 1);
  base::wipe(bytes_);
  bytes_ = std::move(rest);
  if (text.ends_with('\\') && !ended_) {
    text.back() = '\n';
    screen_.write(kContinued);
    return take_line(text);
  }
  text.resize(text.find_last_not_of('\n') + 1);
  return Line{Line::Kind::kText, text};
}

Line PlainReader::give_up(Line::Kind kind, std::string& text) {
  screen_.write("\n");
  base::wipe(text);
  return {kind, ""};
}

Line PlainReader::read(std::string_view initial_text, std::chrono::milliseconds idle_timeout) {
  signals_.clear_interrupt();
  if (!initial_text.empty()) screen_.write(text::visible(initial_text) + "\n");
  screen_.write(text::visible(prompt_));
  std::string text;
  while (true) {
    if (signals_.hung_up()) return give_up(Line::Kind::kHangUp, text);
    if (signals_.interrupted()) {
      signals_.clear_interrupt();
      base::wipe(bytes_);
      return give_up(Line::Kind::kInterrupted, text);
    }
    if (auto line = take_line(text)) {
      if (line->text.empty()) line->text = initial_text;
      base::wipe(text);
      return *std::move(line);
    }
    if (ended_) return give_up(Line::Kind::kEnd, text);
    Arrival arrival = wait_for_input(screen_, signals_, idle_timeout);
    if (arrival.kind == Arrival::Kind::kIdle) {
      base::wipe(bytes_);
      return give_up(Line::Kind::kIdle, text);
    }
    if (arrival.kind == Arrival::Kind::kEnd) ended_ = true;
    bytes_ += arrival.bytes;
    base::wipe(arrival.bytes);
  }
}

}  // namespace

std::unique_ptr<LineReader> make_plain_reader(Screen& screen, Signals& signals,
                                              LineEditor::Settings settings) {
  return std::make_unique<PlainReader>(screen, signals, std::move(settings));
}

}  // namespace medgen::terminal
