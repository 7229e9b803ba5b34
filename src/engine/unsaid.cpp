// See the header.
#include "engine/unsaid.h"

#include <algorithm>

#include "text/utf8.h"

namespace medgen::engine {
namespace {

constexpr int kMostBacks = 100;
// As many as a sequence's random key has room for.
constexpr std::uint32_t kMostAttempts = (1U << 18U) - 1;

}  // namespace

text::NeverSay never_say_after(const Request& request, const Tokenizer& tokenizer) {
  text::NeverSay watch(request.sampling.never_say);
  std::vector<std::string> pieces;  // from the prompt's end
  std::size_t size = 0;
  for (auto id = request.prompt.rbegin(); id != request.prompt.rend() && size < watch.reach();
       ++id) {
    pieces.push_back(tokenizer.token_bytes(*id));
    size += pieces.back().size();
  }
  std::string before;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) before += *piece;
  watch.begin_after(text::replace_invalid_utf8(before));
  return watch;
}

std::uint32_t Unsaid::attempt(int place) const {
  const auto i = static_cast<std::size_t>(place);
  return i < attempts_.size() ? attempts_[i] : 0;
}

std::span<const TokenId> Unsaid::excluded(int place) const {
  if (excluded_.empty() || excluded_.back().place != place) return {};
  return excluded_.back().tokens;
}

std::optional<int> Unsaid::take(const Draw& draw, std::string_view piece, bool within_character) {
  const std::size_t place = taken_.size();
  if (place == attempts_.size()) {
    attempts_.push_back(0);
    went_back_ = 0;
  }
  ++attempts_[place];
  Taken taken = place > 0 ? taken_.back() : Taken{};
  taken.logprob = draw.logprob;
  taken.processed_logprob = draw.processed_logprob;
  taken.text += piece.size();
  taken.reach = taken.text + (within_character ? 1 : 0);
  taken_.push_back(taken);
  const std::optional<std::size_t> word = watch_.push(piece);
  if (!word) return std::nullopt;
  const auto first = std::find_if(taken_.begin(), taken_.end(),
                                  [&](const Taken& token) { return token.reach > *word; });
  return static_cast<int>(first - taken_.begin());
}

void Unsaid::go_back(int place, TokenId token) {
  while (!excluded_.empty() && excluded_.back().place > place) excluded_.pop_back();
  if (excluded_.empty() || excluded_.back().place < place) excluded_.push_back({place, {}});
  excluded_.back().tokens.push_back(token);
  too_often_ = ++went_back_ >= kMostBacks || attempt(place) >= kMostAttempts;
  taken_.resize(static_cast<std::size_t>(place));
  const Taken last = taken_.empty() ? Taken{} : taken_.back();
  watch_.cut(last.text);
  waiting_.resize(last.ready - shown_);
}

bool Unsaid::exhausted() const { return too_often_; }

std::string Unsaid::show(std::string_view text) {
  waiting_ += text;
  taken_.back().ready = shown_ + waiting_.size();
  const std::size_t undecided = watch_.undecided();
  while (settled_ < taken_.size() && taken_[settled_].reach <= undecided) ++settled_;
  if (settled_ == 0) return {};
  const std::size_t ready = taken_[settled_ - 1].ready;
  std::string piece = waiting_.substr(0, ready - shown_);
  waiting_.erase(0, piece.size());
  shown_ = ready;
  return piece;
}

std::string Unsaid::rest() {
  shown_ += waiting_.size();
  std::string rest;
  rest.swap(waiting_);
  return rest;
}

}  // namespace medgen::engine
