// See beam_search.h. Beams of one prompt share their cache: a beam with one continuation keeps
// its slot; each further continuation gets a slot that starts as a copy of the beam's.
#include "engine/beam_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "base/random.h"
#include "engine/fixed_math.h"
#include "engine/sequence.h"
#include "engine/slots.h"
#include "engine/unsaid.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::engine {
namespace {

// The text of a beam, for never_say.
struct BeamText {
  text::Utf8Stream utf8;
  text::NeverSay watch;
};

struct Beam {
  std::vector<TokenId> tokens;        // generated
  std::vector<double> logprobs;       // of the model, one each
  std::vector<double> drawn;          // of what they were drawn from, where they were
  double sum = 0;                     // of processed log-probabilities
  int slot = -1;                      // while it runs
  double score = 0;                   // once it has finished
  std::optional<BeamText> text = {};  // with never_say alone
};

struct Extension {  // a beam and a token that could continue it
  double sum = 0;
  std::size_t beam = 0;
  TokenId token = 0;
  double drawn = 0;  // log-probability in the beam's own row, where it was drawn
  double key = 0;    // in the lottery, where it was drawn
};

bool better(const Extension& a, const Extension& b) {
  if (a.sum != b.sum) return a.sum > b.sum;
  return a.beam != b.beam ? a.beam < b.beam : a.token < b.token;
}

bool wins(const Extension& a, const Extension& b) {
  return a.key != b.key ? a.key > b.key : better(a, b);
}

// Keeps the `most` best so far of those that are allowed.
template <class Better, class Allowed>
void offer(const Extension& extension, std::size_t most, Better is_better, Allowed is_allowed,
           std::vector<Extension>& heap) {  // with the worst on top
  if (heap.size() == most && !is_better(extension, heap.front())) return;
  if (!is_allowed(extension)) return;
  if (heap.size() == most) {
    std::pop_heap(heap.begin(), heap.end(), is_better);
    heap.pop_back();
  }
  heap.push_back(extension);
  std::push_heap(heap.begin(), heap.end(), is_better);
}

// Streams of coins from here on are those of beams: one for each step of the search.
constexpr std::uint32_t kBeamCoins = 0x40000000U;

// -ln(-ln u), u from the coin. Those with the highest sums of a score and such a number are a draw
// without replacement by the softmax of the scores (Gumbel; Kool, van Hoof, Welling, "Stochastic
// beams and where to find them", 2019).
double gumbel(double coin) {
  constexpr double kLeast = 0x1p-60;  // -ln 1 is 0, which has no logarithm
  return -fixed_log64(std::max(kLeast, -fixed_log64(1 - coin)));
}

class BeamSearch {
 public:
  BeamSearch(Backend& backend, const Tokenizer& tokenizer, const Request& request)
      : backend_(backend),
        tokenizer_(tokenizer),
        request_(request),
        params_(request.sampling),
        eos_(request.stopping.ignore_eos ? std::vector<TokenId>{} : eos_ids(request, tokenizer)),
        context_(Sequence(request, 0, tokenizer, 0, observer_).context()),
        all_eos_(eos_ids(request, tokenizer)),
        slots_(backend),
        vocab_(static_cast<std::size_t>(tokenizer.vocab_size())) {
    context_.eos = all_eos_;
    context_.least = std::max<std::size_t>(2, 1 + eos_.size());
    // The last token need not be fed back, so one more than the context holds is allowed.
    const int room = backend.info().n_positions - static_cast<int>(request.prompt.size()) + 1;
    most_ = std::min(new_token_limit(request), room);
  }

  // The finished beams, best first. `cut_short` is set if they had to be taken as they were.
  std::vector<Beam> run(const std::function<bool()>& interrupted,
                        std::optional<FinishReason>& cut_short) {
    const auto begin = std::chrono::steady_clock::now();
    running_.emplace_back().slot = slots_.acquire();
    if (!params_.never_say.empty()) {
      running_[0].text = BeamText{{}, never_say_after(request_, tokenizer_)};
    }
    std::vector<float> logits = prefill(backend_, running_[0].slot, request_.prompt, vocab_);
    while (go_on({logits.data(), logits.size()}, cut_short)) {
      const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
      const bool late = request_.stopping.max_time && passed.count() >= *request_.stopping.max_time;
      if (late) cut_short = FinishReason::kTime;
      if (interrupted()) cut_short = FinishReason::kInterrupted;
      if (cut_short) {
        for (Beam& beam : running_) finish(std::move(beam));
        break;
      }
      logits = step();
    }
    return std::move(finished_);
  }

 private:
  struct Silent : GenerationObserver {
    void on_text(std::uint64_t, int, std::string_view) override {}
    void on_finish(std::uint64_t, const Completion&) override {}
  };

  std::size_t beams() const { return static_cast<std::size_t>(params_.num_beams); }
  bool is_eos(TokenId id) const { return std::find(eos_.begin(), eos_.end(), id) != eos_.end(); }

  // How many ways to go on a step considers.
  std::size_t wanted() const { return context_.least * beams(); }

  double penalised(double sum, std::size_t length) const {
    return sum / std::max(fixed_pow64(static_cast<double>(length), params_.length_penalty),
                          std::numeric_limits<double>::min());
  }

  // [running beams, vocab]
  std::vector<float> step() {
    const auto width = static_cast<std::size_t>(backend_.info().vocab_size);
    std::vector<Row> rows;
    for (const Beam& beam : running_) {
      const auto position = request_.prompt.size() + beam.tokens.size() - 1;
      rows.push_back({beam.slot, beam.tokens.back(), static_cast<int>(position), true});
    }
    const auto row = backend_.step(rows);
    std::vector<float> logits;
    for (std::size_t i = 0; i < running_.size(); ++i) {
      const auto values = row.subspan(i * width, vocab_);
      logits.insert(logits.end(), values.begin(), values.end());
    }
    return logits;
  }

  // Extends every beam by one token. False when the search is over.
  bool go_on(std::span<const float> logits, std::optional<FinishReason>& cut_short) {
    const std::vector<Extension> extensions =
        params_.beam_sample ? drawn_extensions(logits) : best_extensions(logits);
    if (extensions.empty()) {  // each would say what it must not
      cut_short = FinishReason::kNeverSay;
      for (Beam& beam : running_) finish(std::move(beam));
      return false;
    }
    best_drawn_ = extensions.front().sum;
    const std::size_t length = running_[0].tokens.size() + 1;
    std::vector<Extension> next;
    bool all_end = true;
    for (std::size_t rank = 0; rank < extensions.size(); ++rank) {
      const bool ends = is_eos(extensions[rank].token) ||
                        length == static_cast<std::size_t>(most_) || says_stop(extensions[rank]);
      all_end = all_end && ends;
      if (!ends && next.size() < beams()) next.push_back(extensions[rank]);
      // Only the best num_beams may finish; the others ensure that enough continue.
      if (ends && rank < beams()) finish(extended(extensions[rank], logits));
    }
    if (all_end || next.empty()) return false;
    move_on(next, logits);
    return !(finished_.size() == beams() && (params_.early_stopping == EarlyStopping::kTrue ||
                                             best_possible() <= finished_.back().score));
  }

  double best_possible() const {
    const bool longest =
        params_.early_stopping == EarlyStopping::kNever && params_.length_penalty > 0;
    // Among drawn ones, transformers 4 counts one that has just ended too.
    return penalised(params_.beam_sample ? best_drawn_ : running_[0].sum,
                     longest ? static_cast<std::size_t>(most_) : running_[0].tokens.size());
  }

  std::vector<Extension> best_extensions(std::span<const float> logits) {
    std::vector<Extension> extensions;
    const auto is_allowed = [this](const Extension& e) { return !says_never(e); };
    log_totals_.clear();
    for (std::size_t b = 0; b < running_.size(); ++b) {
      const auto row = logits.subspan(b * vocab_, vocab_);
      context_.generated = running_[b].tokens;
      const std::span<const double> scores =
          sampler_.processed_scores(row, true, params_, context_);
      log_totals_.push_back(sampler_.log_total());
      for (std::size_t i = 0; i < vocab_; ++i) {
        if (std::isinf(scores[i])) continue;
        offer({running_[b].sum + scores[i], b, static_cast<TokenId>(i)}, wanted(), better,
              is_allowed, extensions);
      }
    }
    std::sort(extensions.begin(), extensions.end(), better);
    return extensions;
  }

  // As many, drawn without replacement from all beams' tokens together; best first.
  std::vector<Extension> drawn_extensions(std::span<const float> logits) {
    std::vector<Extension> extensions;
    const auto is_allowed = [this](const Extension& e) { return !says_never(e); };
    log_totals_.clear();
    const auto place = static_cast<std::uint32_t>(running_[0].tokens.size());
    const base::RandomKey key{
        .seed = params_.seed, .request = request_.id, .sample = kBeamCoins | place};
    for (std::size_t b = 0; b < running_.size(); ++b) {
      context_.generated = running_[b].tokens;
      Candidates& left =
          sampler_.beam_candidates(logits.subspan(b * vocab_, vocab_), params_, context_);
      log_totals_.push_back(sampler_.log_total());
      for (std::size_t i = 0; i < left.size(); ++i) {
        const auto coin =
            static_cast<std::uint32_t>(b * vocab_) + static_cast<std::uint32_t>(left.id(i));
        const double sum = running_[b].sum + left.score(i);
        offer({sum, b, left.id(i), left.log_probability(i), sum + gumbel(base::uniform(key, coin))},
              wanted(), wins, is_allowed, extensions);
      }
    }
    std::sort(extensions.begin(), extensions.end(), better);
    return extensions;
  }

  Beam extended(const Extension& extension, std::span<const float> logits) const {
    Beam beam = running_[extension.beam];
    const double logit = static_cast<double>(
        logits[extension.beam * vocab_ + static_cast<std::size_t>(extension.token)]);
    beam.tokens.push_back(extension.token);
    beam.logprobs.push_back(logit - log_totals_[extension.beam]);
    if (params_.beam_sample) beam.drawn.push_back(extension.drawn);
    beam.sum = extension.sum;
    if (beam.text) take_text(*beam.text, extension.token);
    return beam;
  }

  void finish(Beam beam) {
    beam.score = beam.tokens.empty() ? 0 : penalised(beam.sum, beam.tokens.size());
    const auto place = std::find_if(finished_.begin(), finished_.end(),
                                    [&](const Beam& other) { return other.score < beam.score; });
    finished_.insert(place, std::move(beam));
    if (finished_.size() > beams()) finished_.pop_back();
  }

  bool says_stop(const Extension& extension) const {
    const auto& stops = request_.stopping.stop;
    if (stops.empty()) return false;
    std::vector<TokenId> tokens = running_[extension.beam].tokens;
    tokens.push_back(extension.token);
    const std::string text = tokenizer_.decode(tokens);
    return std::any_of(stops.begin(), stops.end(), [&](const std::string& stop) {
      return text.find(stop) != std::string::npos;
    });
  }

  // True if it completes a text that must not be said.
  bool take_text(BeamText& text, TokenId token) const {
    if (std::find(all_eos_.begin(), all_eos_.end(), token) != all_eos_.end()) return false;
    return text.watch.push(text.utf8.push(tokenizer_.token_bytes(token))).has_value();
  }

  bool says_never(const Extension& extension) const {
    std::optional<BeamText> text = running_[extension.beam].text;
    return text && take_text(*text, extension.token);
  }

  // A beam's first continuation takes its slot; slots of beams that end here become free for the
  // others.
  void move_on(const std::vector<Extension>& next, std::span<const float> logits) {
    const auto cached = static_cast<int>(request_.prompt.size() + running_[0].tokens.size());
    std::vector<Beam> after;
    std::vector<bool> used(running_.size(), false);
    for (const Extension& extension : next) {
      Beam beam = extended(extension, logits);
      if (used[extension.beam]) beam.slot = -1;
      used[extension.beam] = true;
      after.push_back(std::move(beam));
    }
    for (std::size_t b = 0; b < running_.size(); ++b) {
      if (!used[b]) slots_.release(running_[b].slot);
    }
    for (std::size_t i = 0; i < after.size(); ++i) {
      if (after[i].slot >= 0) continue;
      after[i].slot = slots_.acquire();
      backend_.share_cache(running_[next[i].beam].slot, after[i].slot, cached);
    }
    running_ = std::move(after);
  }

  Silent observer_;
  Backend& backend_;
  const Tokenizer& tokenizer_;
  const Request& request_;
  const SamplingParams& params_;
  std::vector<TokenId> eos_;
  DecodingContext context_;
  std::vector<TokenId> all_eos_;
  Slots slots_;
  std::size_t vocab_;
  int most_ = 0;
  Sampler sampler_;
  double best_drawn_ = 0;           // the highest sum of the step's extensions
  std::vector<double> log_totals_;  // of the running beams' logits
  std::vector<Beam> running_;
  std::vector<Beam> finished_;  // best first, at most num_beams
};

}  // namespace

void beam_search(Backend& backend, const Tokenizer& tokenizer, const Request& request,
                 GenerationObserver& observer, const std::function<bool()>& interrupted) {
  std::optional<FinishReason> cut_short;
  std::vector<Beam> beams = BeamSearch(backend, tokenizer, request).run(interrupted, cut_short);
  const auto wanted = static_cast<std::size_t>(request.num_return_sequences);
  if (beams.size() < wanted && !request.sampling.never_say.empty()) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("`never_say` leaves {} of the {} texts that beam search was to return: "
                            "ask for fewer with `num_return_sequences`, raise `num_beams`, or "
                            "shorten the list",
                            beams.size(), wanted));
  }
  beams.resize(std::min(beams.size(), wanted));
  for (std::size_t i = 0; i < beams.size(); ++i) {
    Sequence sequence(request, static_cast<int>(i), tokenizer, backend.info().n_positions,
                      observer);
    sequence.set_beam_score(beams[i].score);
    bool running = true;
    for (std::size_t t = 0; running && t < beams[i].tokens.size(); ++t) {
      const double drawn = request.sampling.beam_sample ? beams[i].drawn[t] : beams[i].logprobs[t];
      running = sequence.advance({beams[i].tokens[t], beams[i].logprobs[t], drawn});
    }
    if (running) sequence.interrupt(cut_short.value_or(FinishReason::kLength));
  }
}

}  // namespace medgen::engine
