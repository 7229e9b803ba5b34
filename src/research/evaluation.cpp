// Scoring sequences in batches, and perplexity over windows of text.
#include "research/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/refuse.h"
#include "engine/row_loops.h"
#include "engine/slots.h"
#include "medgen/error.h"

namespace medgen::research {
namespace {

constexpr std::size_t kMostLogitBytes = std::size_t{128} << 20U;
constexpr std::size_t kRowsPerPiece = 8;  // that a thread takes at a time
constexpr double kLn2 = 0.69314718055994530942;

std::uint64_t count_words(std::string_view text) {
  std::uint64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    words += !blank && !inside ? 1 : 0;
    inside = !blank;
  }
  return words;
}

void check(const ScoredSequence& sequence, const BackendInfo& info) {
  const std::size_t size = sequence.tokens.size();
  if (sequence.first_scored < 1 || size > static_cast<std::size_t>(info.n_positions) + 1) {
    throw Error(
        ErrorCode::kUsage,
        fmt::format("a sequence of {} tokens is to be scored from token {}; the context is {}",
                    size, sequence.first_scored, info.n_positions));
  }
}

// Runs sequences together, one slot each, at most `rows` rows per step.
class Wave {
 public:
  Wave(Backend& backend, std::span<const ScoredSequence> sequences,
       std::vector<std::vector<double>>& results, std::vector<std::vector<Guess>>* guesses)
      : backend_(backend), sequences_(sequences), results_(results), guesses_(guesses) {}

  void run(std::span<const std::size_t> members, std::size_t rows) {
    engine::Slots lease(backend_);
    std::vector<int> slots;
    std::size_t longest = 0;
    for (const std::size_t i : members) {
      slots.push_back(lease.acquire());
      longest = std::max(longest, sequences_[i].tokens.size() - 1);
    }
    const std::size_t chunk = std::max<std::size_t>(1, rows / members.size());
    for (std::size_t begin = 0; begin < longest; begin += chunk) {
      rows_.clear();
      targets_.clear();
      for (std::size_t m = 0; m < members.size(); ++m) {
        add_rows(members[m], slots[m], begin, begin + chunk);
      }
      read_logits(backend_.step(rows_));
    }
  }

 private:
  void add_rows(std::size_t i, int slot, std::size_t begin, std::size_t end) {
    const ScoredSequence& sequence = sequences_[i];
    end = std::min(end, sequence.tokens.size() - 1);
    for (std::size_t at = begin; at < end; ++at) {
      const bool scored = at + 1 >= sequence.first_scored;
      rows_.push_back({.slot = slot,
                       .token = sequence.tokens[at],
                       .position = static_cast<int>(at),
                       .want_logits = scored});
      if (scored) targets_.emplace_back(i, sequence.tokens[at + 1]);
    }
  }

  void read_logits(std::span<const float> logits) {
    const auto width = static_cast<std::size_t>(backend_.info().vocab_size);
    values_.resize(targets_.size());
    if (guesses_ != nullptr) found_.resize(targets_.size());
    const std::size_t pieces = (targets_.size() + kRowsPerPiece - 1) / kRowsPerPiece;
    backend_.parallel(static_cast<int>(pieces), [&](int piece) {
      const std::size_t begin = static_cast<std::size_t>(piece) * kRowsPerPiece;
      const std::size_t end = std::min(begin + kRowsPerPiece, targets_.size());
      for (std::size_t row = begin; row < end; ++row) {
        const float* const values = logits.data() + row * width;
        const auto token = static_cast<std::size_t>(targets_[row].second);
        const double total = engine::log_total(values, width);
        values_[row] = static_cast<double>(values[token]) - total;
        if (guesses_ == nullptr) continue;
        const float* const best = std::max_element(values, values + width);
        found_[row] = {std::min(1.0, std::exp(static_cast<double>(*best) - total)),
                       best == values + token};
      }
    });
    for (std::size_t row = 0; row < targets_.size(); ++row) {
      if (std::isnan(values_[row])) {
        throw Error(ErrorCode::kRuntime,
                    "the model gives NaN or infinite logits, so no text can be scored; its "
                    "weights are damaged or overflow in this precision: verify the model, or "
                    "convert it again with `dtype` fp32");
      }
      results_[targets_[row].first].push_back(values_[row]);
      if (guesses_ != nullptr) (*guesses_)[targets_[row].first].push_back(found_[row]);
    }
  }

  Backend& backend_;
  std::span<const ScoredSequence> sequences_;
  std::vector<std::vector<double>>& results_;
  std::vector<std::vector<Guess>>* guesses_;
  std::vector<Row> rows_;
  std::vector<std::pair<std::size_t, TokenId>> targets_;  // of the rows that want logits
  std::vector<double> values_;                            // of targets_
  std::vector<Guess> found_;                              // likewise
};

}  // namespace

std::vector<std::vector<double>> score(Backend& backend, std::span<const ScoredSequence> sequences,
                                       std::vector<std::vector<Guess>>* guesses) {
  const BackendInfo& info = backend.info();
  std::vector<std::vector<double>> results(sequences.size());
  if (guesses != nullptr) guesses->assign(sequences.size(), {});
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    check(sequences[i], info);
    if (sequences[i].tokens.size() > sequences[i].first_scored) order.push_back(i);
  }
  // Sequences of similar length run together: a step has the same work for each.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sequences[a].tokens.size() > sequences[b].tokens.size();
  });
  const std::size_t row_bytes = sizeof(float) * static_cast<std::size_t>(info.vocab_size);
  const std::size_t rows = std::clamp<std::size_t>(kMostLogitBytes / row_bytes, 1, 4096);
  Wave wave(backend, sequences, results, guesses);
  for (std::size_t begin = 0; begin < order.size();) {
    const std::size_t length = sequences[order[begin]].tokens.size() - 1;
    const std::size_t fit = std::clamp<std::size_t>(rows / std::max<std::size_t>(length, 1), 1,
                                                    static_cast<std::size_t>(info.max_slots));
    const std::size_t end = std::min(begin + fit, order.size());
    wave.run(std::span(order).subspan(begin, end - begin), rows);
    begin = end;
  }
  return results;
}

double TextScore::bits_per_byte() const { return nats / kLn2 / static_cast<double>(bytes); }

double TextScore::perplexity() const { return std::exp(nats / static_cast<double>(tokens)); }

double TextScore::word_perplexity() const { return std::exp(nats / static_cast<double>(words)); }

double TextScore::byte_perplexity() const { return std::exp(nats / static_cast<double>(bytes)); }

std::optional<double> TextScore::perplexity_error() const {
  if (documents < 2 || tokens == 0) return std::nullopt;
  const auto count = static_cast<double>(documents);
  return perplexity() * std::sqrt(count / (count - 1) * square) / static_cast<double>(tokens);
}

TextEvaluator::TextEvaluator(Backend& backend, const Tokenizer& tokenizer,
                             const TextEvaluationOptions& options)
    : backend_(backend),
      tokenizer_(tokenizer),
      options_(options),
      length_(static_cast<std::size_t>(backend.info().n_positions)) {
  const int context = backend.info().n_positions;
  if (options_.stride == 0) options_.stride = std::max(1, context / 2);
  if (options_.stride < 1 || options_.stride > context) {
    base::refuse_value("stride", fmt::to_string(options_.stride),
                       fmt::format("from 1 to the context of {} tokens", context));
  }
  if (options_.windows == Windows::kPacked) {
    options_.stride = context;
    if (!tokenizer_.eos_id()) {
      throw Error(ErrorCode::kModel,
                  "the tokenizer has no end-of-text token, which must stand between documents");
    }
    stream_ = {*tokenizer_.eos_id()};
  }
}

void TextEvaluator::add(const corpus::Document& document) {
  const std::string& name = document.source.empty() ? document.group : document.source;
  const auto [entry, added] =
      source_numbers_.emplace(name, static_cast<std::uint32_t>(sources_.size()));
  if (added) sources_.push_back(name);
  const auto number = static_cast<std::uint32_t>(documents_.size());
  documents_.push_back({.bytes = document.text.size(),
                        .words = count_words(document.text),
                        .source = entry->second});
  if (options_.calibration) calibration_.emplace_back();
  const std::vector<TokenId> tokens = tokenizer_.encode(document.text);
  if (options_.windows == Windows::kPacked) {
    add_packed(tokens, number);
  } else {
    add_windows(tokens, number);
  }
  if (options_.progress && documents_.size() % 20 == 0) options_.progress(documents_.size());
}

void TextEvaluator::add_windows(const std::vector<TokenId>& tokens, std::uint32_t document) {
  std::vector<TokenId> all;
  if (options_.prefix) all.push_back(*options_.prefix);
  all.insert(all.end(), tokens.begin(), tokens.end());
  if (!options_.prefix && !tokens.empty()) {
    documents_[document].bytes -= tokenizer_.token_bytes(tokens.front()).size();
  }
  const auto stride = static_cast<std::size_t>(options_.stride);
  std::size_t scored = 1;  // tokens before this one are done, or have no probability
  for (std::size_t begin = 0; scored < all.size(); begin += stride) {
    const std::size_t end = std::min(begin + length_ + 1, all.size());
    Window window;
    window.sequence.tokens.assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                  all.begin() + static_cast<std::ptrdiff_t>(end));
    window.sequence.first_scored = scored - begin;
    window.owners.assign(end - scored, document);
    push(std::move(window));
    scored = end;
  }
}

void TextEvaluator::add_packed(const std::vector<TokenId>& tokens, std::uint32_t document) {
  stream_.insert(stream_.end(), tokens.begin(), tokens.end());
  stream_.push_back(*tokenizer_.eos_id());
  owners_.insert(owners_.end(), tokens.size() + 1, document);
  std::size_t begin = 0;
  const auto from = [](auto& list, std::size_t at) {
    return list.begin() + static_cast<std::ptrdiff_t>(at);
  };
  for (; owners_.size() - begin >= length_; begin += length_) {
    Window window;
    window.sequence.tokens.assign(from(stream_, begin), from(stream_, begin + length_ + 1));
    window.owners.assign(from(owners_, begin), from(owners_, begin + length_));
    push(std::move(window));
  }
  stream_.erase(stream_.begin(), from(stream_, begin));
  owners_.erase(owners_.begin(), from(owners_, begin));
}

void TextEvaluator::push(Window window) {
  pending_tokens_ += window.sequence.tokens.size();
  pending_.push_back(std::move(window));
  // Enough for several waves of every length.
  if (pending_.size() >= 512 || pending_tokens_ >= 32768) flush();
}

void TextEvaluator::flush() {
  std::vector<ScoredSequence> sequences;
  for (Window& window : pending_) sequences.push_back(std::move(window.sequence));
  std::vector<std::vector<Guess>> guesses;
  const auto results = score(backend_, sequences, options_.calibration ? &guesses : nullptr);
  for (std::size_t i = 0; i < pending_.size(); ++i) {
    for (std::size_t j = 0; j < results[i].size(); ++j) {
      DocumentScore& document = documents_[pending_[i].owners[j]];
      document.nats -= results[i][j];
      ++document.tokens;
      if (options_.calibration) calibration_[pending_[i].owners[j]].add(guesses[i][j]);
    }
  }
  pending_.clear();
  pending_tokens_ = 0;
  if (options_.progress) options_.progress(documents_.size());
}

TextEvaluation TextEvaluator::finish() {
  if (!owners_.empty()) {
    Window window;
    window.sequence.tokens = std::move(stream_);
    window.owners = std::move(owners_);
    push(std::move(window));
  }
  flush();
  TextEvaluation result;
  result.stride = options_.stride;
  for (const std::string& name : sources_) result.by_source[name];
  const auto each = [&](auto visit) {
    for (const DocumentScore& document : documents_) {
      visit(result.all, document);
      visit(result.by_source[sources_[document.source]], document);
    }
  };
  each([](TextScore& sum, const DocumentScore& document) {
    sum.nats += document.nats;
    sum.tokens += document.tokens;
    sum.bytes += document.bytes;
    sum.words += document.words;
    ++sum.documents;
  });
  each([](TextScore& sum, const DocumentScore& document) {
    if (sum.tokens == 0) return;
    const double mean = sum.nats / static_cast<double>(sum.tokens);
    const double off = document.nats - mean * static_cast<double>(document.tokens);
    sum.square += off * off;
  });
  result.sources = std::move(sources_);
  result.documents = std::move(documents_);
  result.calibration = std::move(calibration_);
  return result;
}

}  // namespace medgen::research
