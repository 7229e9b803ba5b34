// A session for tests: a model of a few words, and a console that types lines from a list.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "session/session.h"
#include "unit/engine/fake_backend.h"

namespace medgen::session {

// A token for each word, with the blank before it; the last one ends a text.
class WordTokenizer : public Tokenizer {
 public:
  explicit WordTokenizer(std::vector<std::string> words) : words_(std::move(words)) {}

  std::vector<TokenId> encode(std::string_view text, Specials) const override {
    std::vector<TokenId> ids;
    for (const why::Span& word : words_of(text)) {
      const std::string spelled(text.substr(word.begin, word.end - word.begin));
      for (std::size_t id = 0; id < words_.size(); ++id) {
        if (words_[id] == spelled) ids.push_back(static_cast<TokenId>(id));
      }
    }
    return ids;
  }
  std::string decode(std::span<const TokenId> ids) const override {
    std::string text;
    for (const TokenId id : ids) text += token_bytes(id);
    return text;
  }
  std::string token_bytes(TokenId id) const override { return " " + piece(id); }
  std::string piece(TokenId id) const override { return words_.at(static_cast<std::size_t>(id)); }
  int vocab_size() const override { return static_cast<int>(words_.size()); }
  std::optional<TokenId> bos_id() const override { return {}; }
  std::optional<TokenId> eos_id() const override { return vocab_size() - 1; }
  std::string_view kind() const override { return "words"; }

 private:
  std::vector<std::string> words_;
};

// What is typed, in order; after the last line the input ends.
class ScriptedConsole : public Console {
 public:
  using Kind = terminal::Line::Kind;

  void type(const std::string& text) { lines_.push_back({Kind::kText, text}); }
  void happens(Kind kind) { lines_.push_back({kind, {}}); }

  terminal::Line read(std::string_view initial, std::chrono::milliseconds) override {
    initial_texts.emplace_back(initial);
    if (read_ == lines_.size()) return {Kind::kEnd, {}};
    return lines_[read_++];
  }
  void write(std::string_view bytes) override { shown += bytes; }
  terminal::Style style() const override {
    return {.columns = 80, .rows = 24, .color = color, .plain = plain};
  }
  bool clear() override {
    shown.clear();
    ++cleared;
    return true;
  }
  void forget_lines() override { ++forgotten; }
  void begin_texts() override {}
  void wake() override { tell({}); }
  Happened wait() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_; });
    woken_ = false;
    return std::exchange(happened_, {});
  }

  // From any thread: the next wait() says so.
  void interrupt() { tell({.interrupted = true}); }
  void hang_up() { tell({.hung_up = true}); }

  std::string shown;
  std::vector<std::string> initial_texts;
  int cleared = 0, forgotten = 0;
  bool color = false, plain = true;

 private:
  void tell(Happened news) {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    happened_.interrupted |= news.interrupted;
    happened_.hung_up |= news.hung_up;
    changed_.notify_one();
  }

  std::vector<terminal::Line> lines_;
  std::size_t read_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
  Happened happened_;
};

inline const std::vector<std::string> kWords = {"I",    "have", "a",     "fever", "cough",
                                                "pain", "and",  "sharp", "since", "END"};

}  // namespace medgen::session
