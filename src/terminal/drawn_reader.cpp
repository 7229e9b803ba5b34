// Lines that are edited with libedit's commands. Keys are read and the line is drawn here: libedit
// waits in its own way, knows no paste, and draws no combining characters.
#include <signal.h>

#include <algorithm>
#include <deque>

#include "base/wipe.h"
#include "terminal/edit_layout.h"
#include "terminal/keys.h"
#include "terminal/libedit.h"
#include "terminal/line_reader.h"
#include "terminal/paste_marks.h"
#include "terminal/recall.h"
#include "terminal/region.h"
#include "terminal/wrap.h"
#include "text/characters.h"
#include "text/utf8.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

constexpr wchar_t kEscapeKey = L'\x1b';

constexpr wchar_t control(char letter) { return static_cast<wchar_t>(letter & 0x1F); }

std::string to_utf8(const wchar_t* begin, const wchar_t* end) {
  std::string out;
  for (; begin != end; ++begin) text::append_utf8(out, static_cast<char32_t>(*begin));
  return out;
}

std::wstring to_wide(std::string_view utf8) {
  std::wstring out;
  for (std::size_t at = 0; at < utf8.size();) {
    const auto [code, size] = text::code_point_at(utf8, at);
    out += static_cast<wchar_t>(code);
    at += size;
  }
  return out;
}

int code_points(std::string_view utf8) {
  return static_cast<int>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

class DrawnReader : public LineReader {
 public:
  DrawnReader(Screen& screen, Signals& signals, LineEditor::Settings settings);
  ~DrawnReader() override;

  Line read(std::string_view initial_text, std::chrono::milliseconds idle_timeout) override;
  void set_prompt(std::string prompt) override { settings_.prompt = text::visible(prompt); }
  void forget() override;

 private:
  struct Edited {  // the line as it is now
    std::string text;
    std::size_t cursor = 0;
    ~Edited() { base::wipe(text); }
  };

  static int feed(EditLine* line, wchar_t* c);
  int next_character(wchar_t& c);
  int type_over(wchar_t& c);
  void fill();
  void handle(const Key& key);
  void handle_control(char letter);
  void enter();
  void complete();
  void recall(bool older);
  void draw();
  void end_line(Line::Kind kind);

  Edited edited() const;
  void insert(std::string_view text);
  void replace(std::string_view text);
  void move(bool forward);
  void remove_before();
  void remove_behind();
  void run(wchar_t command) { commands_.push_back(command); }
  void run_escaped(wchar_t command) {
    commands_.push_back(kEscapeKey);
    commands_.push_back(command);
  }

  Screen& screen_;
  Signals& signals_;
  LineEditor::Settings settings_;
  Libedit libedit_;
  Region region_;
  KeyReader keys_;
  Recall recall_;
  std::deque<wchar_t> commands_;  // for libedit, in its own keys

  std::string initial_;
  std::chrono::milliseconds idle_{0};
  std::optional<Line> line_;  // once it is done
  std::size_t longest_ = 0;
  int typing_over_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

DrawnReader::DrawnReader(Screen& screen, Signals& signals, LineEditor::Settings settings)
    : screen_(screen),
      signals_(signals),
      settings_(std::move(settings)),
      libedit_(screen.input(), screen.output()),
      region_(screen) {
  const UnicodeScope scope(libedit_.unicode());
  settings_.prompt = text::visible(settings_.prompt);
  EditLine* line = libedit_.get();
  ::el_set(line, EL_CLIENTDATA, static_cast<void*>(this));
  ::el_set(line, EL_GETCFN, &DrawnReader::feed);
  ::el_set(line, EL_EDITOR, "emacs");
  ::el_set(line, EL_SIGNAL, 0);
  // While a line is read, Ctrl-C and Ctrl-Z are keys. Otherwise keys wait and are not echoed, and
  // Ctrl-C throws none away.
  ::el_set(line, EL_SETTY, "-d", "-isig", "-ixon", nullptr);
  ::el_set(line, EL_SETTY, "-x", "-icanon", "-echo", "+isig", "+noflsh", nullptr);
  keep_paste_marks(screen_, true);
}

DrawnReader::~DrawnReader() {
  forget();
  keep_paste_marks(screen_, false);
}

Line DrawnReader::read(std::string_view initial_text, std::chrono::milliseconds idle_timeout) {
  if (ended_) return {Line::Kind::kEnd, ""};
  const UnicodeScope scope(libedit_.unicode());
  signals_.clear_interrupt();
  initial_ = initial_text;
  idle_ = idle_timeout;
  begun_ = false;
  line_.reset();
  int count = 0;
  ::el_wgets(libedit_.get(), &count);
  base::wipe(initial_);
  if (!line_) {  // libedit could not go on: the terminal is gone
    ended_ = true;
    return {signals_.hung_up() ? Line::Kind::kHangUp : Line::Kind::kEnd, ""};
  }
  Line line = *std::move(line_);
  line_.reset();
  return line;
}

int DrawnReader::feed(EditLine* line, wchar_t* c) {
  void* self = nullptr;
  ::el_get(line, EL_CLIENTDATA, &self);
  auto& reader = *static_cast<DrawnReader*>(self);
  return reader.typing_over_ > 0 ? reader.type_over(*c) : reader.next_character(*c);
}

// 1 and a command for libedit, or 0 when the line is done.
int DrawnReader::next_character(wchar_t& c) {
  if (!begun_) {
    begun_ = true;
    insert(initial_);
  }
  while (commands_.empty()) {
    if (auto key = keys_.next()) {
      handle(*key);
      base::wipe(key->text);
    } else {
      draw();
      fill();
    }
    if (line_) return 0;
  }
  c = commands_.front();
  commands_.pop_front();
  return 1;
}

void DrawnReader::fill() {
  if (signals_.hung_up()) return end_line(Line::Kind::kHangUp);
  if (signals_.interrupted()) return end_line(Line::Kind::kInterrupted);
  if (signals_.take_resumed()) {
    signals_.take_resized();
    region_.forget();
    return;
  }
  if (signals_.take_resized()) {
    region_.rewrapped(screen_.size().columns);
    return;
  }
  Arrival arrival = wait_for_input(screen_, signals_, idle_);
  if (arrival.kind == Arrival::Kind::kIdle) return end_line(Line::Kind::kIdle);
  if (arrival.kind == Arrival::Kind::kEnd) {
    ended_ = true;
    return end_line(signals_.hung_up() ? Line::Kind::kHangUp : Line::Kind::kEnd);
  }
  keys_.push(arrival.bytes);
  base::wipe(arrival.bytes);
}

void DrawnReader::handle(const Key& key) {
  using Kind = Key::Kind;
  switch (key.kind) {
    case Kind::kText:
    case Kind::kPaste:
      return insert(key.text);
    case Kind::kNewline:
      return insert("\n");
    case Kind::kEnter:
      return enter();
    case Kind::kTab:
      return complete();
    case Kind::kUp:
      return recall(true);
    case Kind::kDown:
      return recall(false);
    case Kind::kLeft:
      return move(false);
    case Kind::kRight:
      return move(true);
    case Kind::kDelete:
      return remove_behind();
    case Kind::kHome:
      return run(control('A'));
    case Kind::kEnd:
      return run(control('E'));
    case Kind::kWordLeft:
      return run_escaped(L'b');
    case Kind::kWordRight:
      return run_escaped(L'f');
    case Kind::kAlt:
      if (std::string_view("bfdulc\b").find(key.letter) != std::string_view::npos)
        run_escaped(static_cast<wchar_t>(key.letter));
      return;
    case Kind::kControl:
      return handle_control(key.letter);
    case Kind::kUnknown:
      return;
  }
}

void DrawnReader::handle_control(char letter) {
  switch (letter) {
    case 'C':
      return end_line(Line::Kind::kInterrupted);
    case 'D':
      if (!edited().text.empty()) return remove_behind();
      ended_ = true;
      return end_line(Line::Kind::kEnd);
    case 'L':
      region_.forget();
      screen_.clear();
      return;
    case 'Z':
      region_.leave();
      // All of the job, as the terminal would; in a sandbox it reaches itself alone.
      if (::kill(0, SIGTSTP) != 0) ::raise(SIGTSTP);
      return;
    case 'H':
    case '?':
      return remove_before();
    case 'B':
      return move(false);
    case 'F':
      return move(true);
    case 'P':
      return recall(true);
    case 'N':
      return recall(false);
    case 'W':
      return run_escaped(control('H'));
    default:
      if (std::string_view("AEKUYT").find(letter) != std::string_view::npos) run(control(letter));
  }
}

void DrawnReader::enter() {
  Edited now = edited();
  if (now.text.ends_with('\\')) {
    now.text.back() = '\n';
    return replace(now.text);
  }
  end_line(Line::Kind::kText);
}

void DrawnReader::complete() {
  if (!settings_.complete) return;
  const Edited now = edited();
  const std::string_view before = std::string_view(now.text).substr(0, now.cursor);
  const Completions found = settings_.complete(before);
  if (found.words.empty() || found.start > before.size()) return;
  const std::string_view given = before.substr(found.start);
  std::string_view common = found.words.front();
  for (const std::string& word : found.words) {
    std::size_t same = 0;
    while (same < common.size()) {
      const std::size_t size = first_character(common.substr(same));
      if (word.compare(same, size, common, same, size) != 0) break;
      same += size;
    }
    common = common.substr(0, same);
  }
  if (common.size() > given.size() || (found.words.size() == 1 && common != given)) {
    ::el_deletestr(libedit_.get(), code_points(given));
    insert(cleaned_input(common));
    return;
  }
  if (found.words.size() == 1) return;
  draw();
  region_.leave();
  std::string listed;
  for (const std::string& word : found.words) listed += text::visible(word) + "\r\n";
  screen_.write(listed);
}

void DrawnReader::recall(bool older) {
  const Edited now = edited();
  if (const auto text = older ? recall_.older(now.text) : recall_.newer()) replace(*text);
}

void DrawnReader::draw() {
  const Edited now = edited();
  const Size size = screen_.size();
  EditLayout layout = edit_layout(settings_.prompt, now.text, now.cursor, size.columns, size.rows);
  region_.draw(std::move(layout.rows), layout.cursor_row, layout.cursor_column);
}

void DrawnReader::end_line(Line::Kind kind) {
  Edited now = edited();
  const Size size = screen_.size();
  EditLayout layout = edit_layout(settings_.prompt, now.text, now.text.size(), size.columns,
                                  static_cast<int>(now.text.size() + 1000));
  if (static_cast<int>(layout.rows.size()) <= size.rows) {
    draw();
    region_.leave();
  } else {  // all of it, for the scrollback
    region_.erase();
    for (const Row& row : layout.rows) {
      screen_.write(row.text);
      screen_.write("\r\n");
    }
  }
  for (Row& row : layout.rows) base::wipe(row.text);
  if (kind == Line::Kind::kInterrupted) signals_.clear_interrupt();
  line_ = Line{kind, ""};
  if (kind != Line::Kind::kText) return recall_.restart();
  now.text.resize(now.text.find_last_not_of('\n') + 1);
  line_->text = now.text;
  recall_.add(now.text);
}

DrawnReader::Edited DrawnReader::edited() const {
  const LineInfoW* info = ::el_wline(libedit_.get());
  Edited now;
  now.text = to_utf8(info->buffer, info->cursor);
  now.cursor = now.text.size();
  now.text += to_utf8(info->cursor, info->lastchar);
  return now;
}

void DrawnReader::insert(std::string_view text) {
  std::wstring wide = to_wide(text);
  ::el_winsertstr(libedit_.get(), wide.c_str());
  base::wipe(wide);
  const LineInfoW* info = ::el_wline(libedit_.get());
  longest_ = std::max(longest_, static_cast<std::size_t>(info->lastchar - info->buffer));
}

void DrawnReader::replace(std::string_view text) {
  const LineInfoW* info = ::el_wline(libedit_.get());
  const auto size = static_cast<int>(info->lastchar - info->buffer);
  ::el_cursor(libedit_.get(), size);
  ::el_deletestr(libedit_.get(), size);
  insert(text);
}

void DrawnReader::move(bool forward) {
  const Edited now = edited();
  const std::string_view text = now.text;
  const std::string_view before = text.substr(0, now.cursor);
  const std::string_view behind = text.substr(now.cursor);
  const int steps = forward ? code_points(behind.substr(0, first_character(behind)))
                            : -code_points(before.substr(before.size() - last_character(before)));
  ::el_cursor(libedit_.get(), steps);
}

void DrawnReader::remove_before() {
  const Edited now = edited();
  const std::string_view before = std::string_view(now.text).substr(0, now.cursor);
  const std::size_t size = last_character(before);
  ::el_deletestr(libedit_.get(), code_points(before.substr(before.size() - size)));
}

void DrawnReader::remove_behind() {
  const Edited now = edited();
  if (now.cursor == now.text.size()) return;
  move(true);
  remove_before();
}

void DrawnReader::forget() {
  recall_.forget();
  const UnicodeScope scope(libedit_.unicode());
  const Size size = screen_.size();
  const std::size_t drawn =
      static_cast<std::size_t>(size.columns) * static_cast<std::size_t>(size.rows);
  const std::string over(std::max(longest_, drawn), 'x');
  replace(over);  // libedit's line, also where the terminal is gone
  replace("");
  typing_over_ = 1;
  int count = 0;
  ::el_wgets(libedit_.get(), &count);
  typing_over_ = 0;
}

// Types over the line, what was cut, and what libedit believes to be drawn.
int DrawnReader::type_over(wchar_t& c) {
  switch (typing_over_++) {
    case 1:
      insert(std::string(std::max<std::size_t>(longest_, 1), 'x'));
      c = control('U');
      return 1;
    case 2:
      c = control('Y');
      return 1;
    case 3:  // and cuts nothing, so that there is nothing to bring back
      replace("");
      c = control('U');
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::unique_ptr<LineReader> make_drawn_reader(Screen& screen, Signals& signals,
                                              LineEditor::Settings settings) {
  return std::make_unique<DrawnReader>(screen, signals, std::move(settings));
}

}  // namespace medgen::terminal
