// A model of a few lines for testing the engine: its logits are a function of the token history
// alone, so any scheduling must give the same text. It checks every rule of the Backend contract
// and throws std::logic_error where one is broken. With it a tokenizer whose pieces a test chooses,
// and a recorder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "medgen/backend.h"
#include "medgen/generate.h"
#include "medgen/tokenizer.h"

namespace medgen::testing {

using History = std::vector<TokenId>;
using LogitsOf = std::function<std::vector<float>(const History&)>;

// Logits in [0, 6) from a hash (FNV-1a) of the history: every token has a chance.
inline LogitsOf hashed_logits(int vocab_size) {
  return [vocab_size](const History& history) {
    std::uint64_t hash = 14695981039346656037ULL;
    for (const TokenId token : history) {
      hash = (hash ^ static_cast<std::uint64_t>(token + 1)) * 1099511628211ULL;
    }
    std::vector<float> logits;
    for (int i = 0; i < vocab_size; ++i) {
      std::uint64_t x = (hash ^ static_cast<std::uint64_t>(i)) * 0x9E3779B97F4A7C15ULL;
      x ^= x >> 29;
      x *= 0xBF58476D1CE4E5B9ULL;
      logits.push_back(static_cast<float>(x >> 44) * (6.0F / (1 << 20)));
    }
    return logits;
  };
}

// After a prompt of `prompt_size` tokens the model says `script`, whatever was drawn, then its last
// token for ever.
inline LogitsOf scripted_logits(int vocab_size, std::size_t prompt_size, History script) {
  return [=, script = std::move(script)](const History& history) {
    std::vector<float> logits(static_cast<std::size_t>(vocab_size), 0.0F);
    const std::size_t place = std::min(history.size() - prompt_size, script.size() - 1);
    logits[static_cast<std::size_t>(script[place])] = 100;
    return logits;
  };
}

class FakeBackend : public Backend {
 public:
  FakeBackend(int vocab_size, int n_positions, int max_slots, LogitsOf logits_of)
      : info_{.name = "fake",
              .precision = "fp32",
              .vocab_size = vocab_size,
              .n_positions = n_positions,
              .max_slots = max_slots},
        logits_of_(std::move(logits_of)) {}
  FakeBackend(int vocab_size, int n_positions, int max_slots)
      : FakeBackend(vocab_size, n_positions, max_slots, hashed_logits(vocab_size)) {}

  const BackendInfo& info() const override { return info_; }

  // Slot numbers are neither small nor in order, so that no code relies on that.
  int acquire_slot() override {
    spoil_logits();
    require(static_cast<int>(slots_.size()) < info_.max_slots, "more slots than max_slots");
    const int slot = 1000 - 7 * static_cast<int>(++n_acquired);
    slots_[slot];
    most_slots = std::max(most_slots, slots_.size());
    return slot;
  }
  void release_slot(int slot) override {
    spoil_logits();
    require(slots_.erase(slot) == 1, "release of a slot that is not taken");
  }
  void share_cache(int from, int to, int n_tokens) override {
    spoil_logits();
    const History& source = cache(from);
    require(from != to && cache(to).empty(), "share into a slot that is in use");
    require(n_tokens >= 0 && n_tokens <= static_cast<int>(source.size()), "share of too much");
    slots_[to] = History(source.begin(), source.begin() + n_tokens);
    ++n_shared;
  }
  void truncate_cache(int slot, int n_tokens) override {
    spoil_logits();
    require(n_tokens >= 0 && n_tokens <= static_cast<int>(cache(slot).size()), "truncate to more");
    slots_[slot].resize(static_cast<std::size_t>(n_tokens));
    ++n_truncated;
  }

  std::span<const float> step(std::span<const Row> rows) override {
    if (before_step) before_step();
    require(!rows.empty(), "step without rows");
    logits_.clear();
    std::set<int> finished;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Row& row = rows[i];
      if (i > 0 && rows[i - 1].slot != row.slot) finished.insert(rows[i - 1].slot);
      require(!finished.contains(row.slot), "rows of a slot do not stand together");
      require(row.token >= 0 && row.token < info_.vocab_size, "token outside the vocabulary");
      require(row.position == static_cast<int>(cache(row.slot).size()), "positions not contiguous");
      require(row.position < info_.n_positions, "position outside the context");
      slots_[row.slot].push_back(row.token);
      if (!row.want_logits) continue;
      const std::vector<float> logits = logits_of_(slots_[row.slot]);
      logits_.insert(logits_.end(), logits.begin(), logits.end());
    }
    rows_per_step.push_back(rows.size());
    return logits_;
  }

  std::size_t taken() const { return slots_.size(); }
  std::size_t rows() const {
    std::size_t sum = 0;
    for (const std::size_t n : rows_per_step) sum += n;
    return sum;
  }

  std::function<void()> before_step;
  std::vector<std::size_t> rows_per_step;
  std::size_t most_slots = 0;
  int n_acquired = 0;
  int n_shared = 0;
  int n_truncated = 0;

 private:
  static void require(bool holds, const char* rule) {
    if (!holds) throw std::logic_error(rule);
  }
  History& cache(int slot) {
    require(slots_.contains(slot), "slot is not taken");
    return slots_[slot];
  }
  // Logits are valid until the next call only.
  void spoil_logits() {
    std::fill(logits_.begin(), logits_.end(), std::numeric_limits<float>::quiet_NaN());
  }

  BackendInfo info_;
  LogitsOf logits_of_;
  std::map<int, History> slots_;
  std::vector<float> logits_;
};

class FakeTokenizer : public Tokenizer {
 public:
  explicit FakeTokenizer(std::vector<std::string> pieces, std::optional<TokenId> eos = {})
      : pieces_(std::move(pieces)), eos_(eos) {}

  std::vector<TokenId> encode(std::string_view, Specials) const override {
    throw std::logic_error("the engine does not encode");
  }
  std::string decode(std::span<const TokenId>) const override {
    throw std::logic_error("the engine decodes token by token");
  }
  std::string token_bytes(TokenId id) const override {
    return pieces_.at(static_cast<std::size_t>(id));
  }
  std::string piece(TokenId id) const override { return token_bytes(id); }
  int vocab_size() const override { return static_cast<int>(pieces_.size()); }
  std::optional<TokenId> bos_id() const override { return {}; }
  std::optional<TokenId> eos_id() const override { return eos_; }
  std::string_view kind() const override { return "fake"; }

 private:
  std::vector<std::string> pieces_;
  std::optional<TokenId> eos_;
};

// One letter a token: a, b, c, …; the last token is EOS if `with_eos`.
inline FakeTokenizer letters(int vocab_size, bool with_eos = false) {
  std::vector<std::string> pieces;
  for (int i = 0; i < vocab_size; ++i) pieces.emplace_back(1, static_cast<char>('a' + i));
  if (!with_eos) return FakeTokenizer(std::move(pieces));
  pieces.back() = "<eos>";
  return FakeTokenizer(std::move(pieces), vocab_size - 1);
}

// Records what was reported, and checks the order of events.
class Recorder : public GenerationObserver {
 public:
  using Id = std::pair<std::uint64_t, int>;  // request, index

  void on_text(std::uint64_t request_id, int index, std::string_view piece) override {
    const Id id{request_id, index};
    if (piece.empty() || completions.contains(id)) throw std::logic_error("a piece out of place");
    pieces[id].emplace_back(piece);
    events.push_back(std::to_string(request_id) + "." + std::to_string(index) + " " +
                     std::string(piece));
  }
  void on_finish(std::uint64_t request_id, const Completion& completion) override {
    const Id id{request_id, completion.index};
    std::string text;
    for (const std::string& piece : pieces[id]) text += piece;
    if (text != completion.text) throw std::logic_error("pieces do not add up to the text");
    if (!completions.emplace(id, completion).second) throw std::logic_error("finished twice");
    events.push_back(std::to_string(request_id) + "." + std::to_string(completion.index) + " end");
  }

  const Completion& completion(std::uint64_t request_id, int index) const {
    return completions.at({request_id, index});
  }
  std::map<Id, std::string> texts() const {
    std::map<Id, std::string> texts;
    for (const auto& [id, completion] : completions) texts[id] = completion.text;
    return texts;
  }

  std::map<Id, std::vector<std::string>> pieces;
  std::map<Id, Completion> completions;
  std::vector<std::string> events;
};

}  // namespace medgen::testing
