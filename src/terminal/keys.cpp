// See the header.
#include "terminal/keys.h"

#include <algorithm>
#include <map>

#include "base/wipe.h"
#include "text/visible.h"

namespace medgen::terminal {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::string_view kPasteBegins = "\x1b[200~";
constexpr std::string_view kPasteEnds = "\x1b[201~";
constexpr std::size_t kLongestSequence = 64;

bool controls(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

// By the sequence without its escape. With Ctrl or Alt the arrows go by words.
Key::Kind meaning(const std::string& sequence) {
  using Kind = Key::Kind;
  static const std::map<std::string, Kind> kMeanings = {
      {"[A", Kind::kUp},           {"OA", Kind::kUp},
      {"[B", Kind::kDown},         {"OB", Kind::kDown},
      {"[C", Kind::kRight},        {"OC", Kind::kRight},
      {"[D", Kind::kLeft},         {"OD", Kind::kLeft},
      {"[H", Kind::kHome},         {"OH", Kind::kHome},
      {"[1~", Kind::kHome},        {"[7~", Kind::kHome},
      {"[F", Kind::kEnd},          {"OF", Kind::kEnd},
      {"[4~", Kind::kEnd},         {"[8~", Kind::kEnd},
      {"[3~", Kind::kDelete},      {"[1;5D", Kind::kWordLeft},
      {"[1;3D", Kind::kWordLeft},  {"Od", Kind::kWordLeft},
      {"[1;5C", Kind::kWordRight}, {"[1;3C", Kind::kWordRight},
      {"Oc", Kind::kWordRight},    {"OM", Kind::kEnter},
      {"[13;3u", Kind::kNewline},  {"[27;3;13~", Kind::kNewline}};
  const auto found = kMeanings.find(sequence);
  return found == kMeanings.end() ? Kind::kUnknown : found->second;
}

// How many of the bytes may be one character that has not come whole.
std::size_t unfinished(std::string_view bytes) {
  text::Utf8Stream stream;
  const std::string whole = stream.push(bytes);
  const std::string rest = stream.flush();
  if (rest.empty()) return 0;
  for (std::size_t size = std::min<std::size_t>(3, bytes.size()); size > 1; --size) {
    text::Utf8Stream end;
    if (end.push(bytes.substr(bytes.size() - size)).empty()) return size;
  }
  return 1;
}

}  // namespace

// Marks that reorder text are part of it; they are spelled out where it is drawn.
std::string cleaned_input(std::string_view given) {
  std::string out;
  for (std::size_t at = 0; at < given.size();) {
    if (given[at] == '\r') {
      out += '\n';
      at += given.substr(at).starts_with("\r\n") ? 2 : 1;
    } else if (controls(given[at])) {
      out += text::visible(given.substr(at++, 1));
    } else if (given.substr(at).starts_with("\xC2") && at + 1 < given.size() &&
               static_cast<unsigned char>(given[at + 1]) < 0xA0) {
      out += text::visible(given.substr(at, 2));
      at += 2;
    } else {
      out += given[at++];
    }
  }
  return text::replace_invalid_utf8(out);
}

void KeyReader::drop(std::size_t bytes) {
  std::string rest = bytes_.substr(bytes);
  base::wipe(bytes_);
  bytes_ = std::move(rest);
}

void KeyReader::forget() {
  base::wipe(bytes_);
  pasting_ = false;
}

std::optional<Key> KeyReader::next() {
  if (pasting_) return paste();
  if (bytes_.empty()) return std::nullopt;
  const char c = bytes_[0];
  if (c == kEscape) return after_escape();
  if (!controls(c)) {
    Key key = text();
    if (key.text.empty()) return std::nullopt;
    return key;
  }
  drop(1);
  if (c == '\r' || c == '\n') return Key{Key::Kind::kEnter};
  if (c == '\t') return Key{Key::Kind::kTab};
  return Key{Key::Kind::kControl, {}, c == '\x7f' ? '?' : static_cast<char>(c + '@')};
}

Key KeyReader::text() {
  const auto end = std::find_if(bytes_.begin(), bytes_.end(), controls);
  auto size = static_cast<std::size_t>(end - bytes_.begin());
  if (end == bytes_.end()) size -= unfinished(bytes_);
  Key key{Key::Kind::kText, cleaned_input(std::string_view(bytes_).substr(0, size))};
  drop(size);
  return key;
}

std::optional<Key> KeyReader::after_escape() {
  if (bytes_.size() < 2) return std::nullopt;
  const char second = bytes_[1];
  if (second == kEscape) {  // of two, the second may begin a sequence
    drop(1);
    return Key{};
  }
  if (second == '\r' || second == '\n') {
    drop(2);
    return Key{Key::Kind::kNewline};
  }
  if (second == 'O' || second == '[') {
    std::size_t end = 2;
    if (second == '[') {
      while (end < bytes_.size() && bytes_[end] >= 0x20 && bytes_[end] < 0x40) ++end;
    }
    const bool too_long = end > kLongestSequence;
    if (end == bytes_.size() && !too_long) return std::nullopt;
    if (too_long || controls(bytes_[end])) {  // no sequence after all
      drop(end);
      return Key{};
    }
    if (bytes_.starts_with(kPasteBegins)) {
      drop(kPasteBegins.size());
      pasting_ = true;
      return paste();
    }
    const std::string sequence = bytes_.substr(1, end);
    drop(end + 1);
    return Key{meaning(sequence)};
  }
  if (static_cast<unsigned char>(second) >= 0x80) {  // Alt means nothing to such a character
    drop(1);
    return next();
  }
  drop(2);
  if (second == '\x7f' || second == '\b') return Key{Key::Kind::kAlt, {}, '\b'};
  if (controls(second)) return Key{};
  return Key{Key::Kind::kAlt, {}, second};
}

std::optional<Key> KeyReader::paste() {
  const std::size_t end = bytes_.find(kPasteEnds);
  if (end == std::string::npos) return std::nullopt;
  Key key{Key::Kind::kPaste, cleaned_input(std::string_view(bytes_).substr(0, end))};
  drop(end + kPasteEnds.size());
  pasting_ = false;
  return key;
}

}  // namespace medgen::terminal
