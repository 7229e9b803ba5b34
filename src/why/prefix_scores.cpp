#include "why/prefix_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/refuse.h"
#include "engine/row_loops.h"
#include "medgen/error.h"

namespace medgen::why {
namespace {

constexpr std::size_t kMostLogitBytes = std::size_t{128} << 20U;
constexpr std::size_t kMostRows = 2048;
constexpr std::size_t kTargetsPerPiece = 8;  // that a thread takes at a time

}  // namespace

PrefixScores::PrefixScores(Backend& backend, int vocabulary, ScoredText base,
                           std::function<void()> before_step)
    : backend_(backend),
      vocabulary_(std::min(vocabulary, backend.info().vocab_size)),
      base_(std::move(base)),
      before_step_(std::move(before_step)),
      slots_(backend),
      most_rows_(std::clamp<std::size_t>(
          kMostLogitBytes / (sizeof(float) * static_cast<std::size_t>(backend.info().vocab_size)),
          1, kMostRows)) {
  check(base_);
  base_slot_ = slots_.acquire();
  add_rows(base_, base_slot_, 0, base_scores_);
  run();
}

void PrefixScores::check(const ScoredText& text) const {
  const std::size_t context = static_cast<std::size_t>(backend_.info().n_positions);
  if (text.first_scored >= 1 && text.tokens.size() <= context + 1) return;
  base::refuse(
      fmt::format("prompt and continuation have {} tokens; the model's context holds {}: "
                  "shorten one of them",
                  text.tokens.size(), context));
}

std::size_t PrefixScores::shared_with_base(const ScoredText& text) const {
  // The token before the first that is scored is fed again: its logits are wanted.
  const std::size_t most =
      std::min({text.first_scored - 1, text.tokens.size(), base_.tokens.size() - 1});
  const auto end = text.tokens.begin() + static_cast<std::ptrdiff_t>(most);
  return static_cast<std::size_t>(
      std::mismatch(text.tokens.begin(), end, base_.tokens.begin()).first - text.tokens.begin());
}

void PrefixScores::add_rows(const ScoredText& text, int slot, std::size_t from,
                            std::vector<double>& scores) {
  for (std::size_t at = from; at + 1 < text.tokens.size(); ++at) {
    const bool scored = at + 1 >= text.first_scored;
    rows_.push_back({.slot = slot,
                     .token = text.tokens[at],
                     .position = static_cast<int>(at),
                     .want_logits = scored});
    if (scored) targets_.push_back({&scores, text.tokens[at + 1]});
  }
}

void PrefixScores::run() {
  std::size_t target = 0;
  for (std::size_t begin = 0; begin < rows_.size(); begin += most_rows_) {
    if (before_step_) before_step_();
    const std::span<const Row> rows =
        std::span(rows_).subspan(begin, std::min(most_rows_, rows_.size() - begin));
    const std::span<const float> logits = backend_.step(rows);
    read_logits(logits, target);
    target += values_.size();
  }
  rows_.clear();
  targets_.clear();
}

void PrefixScores::read_logits(std::span<const float> logits, std::size_t first_target) {
  const auto width = static_cast<std::size_t>(backend_.info().vocab_size);
  const auto used = static_cast<std::size_t>(vocabulary_);
  values_.resize(logits.size() / width);
  const std::size_t pieces = (values_.size() + kTargetsPerPiece - 1) / kTargetsPerPiece;
  backend_.parallel(static_cast<int>(pieces), [&](int piece) {
    const std::size_t begin = static_cast<std::size_t>(piece) * kTargetsPerPiece;
    const std::size_t end = std::min(begin + kTargetsPerPiece, values_.size());
    for (std::size_t i = begin; i < end; ++i) {
      const float* const row = logits.data() + i * width;
      const auto token = static_cast<std::size_t>(targets_[first_target + i].token);
      values_[i] = static_cast<double>(row[token]) - engine::log_total(row, used);
    }
  });
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (std::isnan(values_[i])) {
      throw Error(ErrorCode::kRuntime,
                  "the model gives NaN or infinite logits, so no text can be scored; its weights "
                  "are damaged or overflow in this precision: verify the model, or convert it "
                  "again with `dtype` fp32");
    }
    targets_[first_target + i].scores->push_back(values_[i]);
  }
}

std::vector<std::vector<double>> PrefixScores::of(std::span<const ScoredText> texts) {
  std::vector<std::vector<double>> scores(texts.size());
  const auto most_slots = static_cast<std::size_t>(std::max(1, backend_.info().max_slots - 1));
  for (std::size_t next = 0; next < texts.size();) {
    engine::Slots slots(backend_);
    std::size_t taken = 0;
    do {
      const ScoredText& text = texts[next];
      check(text);
      if (text.first_scored < text.tokens.size()) {
        const std::size_t shared = shared_with_base(text);
        const int slot = slots.acquire();
        ++taken;
        if (shared > 0) backend_.share_cache(base_slot_, slot, static_cast<int>(shared));
        add_rows(text, slot, shared, scores[next]);
      }
      ++next;
    } while (next < texts.size() && taken < most_slots &&
             rows_.size() + texts[next].tokens.size() <= most_rows_);
    run();
  }
  return scores;
}

}  // namespace medgen::why
