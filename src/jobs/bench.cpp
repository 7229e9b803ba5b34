// See the header.
#include "jobs/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "base/random.h"
#include "base/refuse.h"
#include "base/thread_pool.h"
#include "engine/sampler.h"
#include "jobs/model_files.h"
#include "research/evaluation.h"

namespace medgen::jobs {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

int checked(const char* name, std::optional<int> value, int fallback, int low, int high) {
  const int result = value.value_or(fallback);
  if (result >= low && result <= high) return result;
  base::refuse_value(name, fmt::to_string(result), fmt::format("from {} to {}", low, high));
}

BenchSettings settings_of(const BenchAsked& a, int n_positions) {
  BenchSettings s;
  for (const int n : a.sequences) s.sequences.push_back(checked("sequences", n, 1, 1, 256));
  s.prompt_tokens =
      checked("prompt-tokens", a.prompt_tokens, std::min(16, n_positions - 1), 1, n_positions - 1);
  const int room = n_positions - s.prompt_tokens;
  s.new_tokens = checked("new-tokens", a.new_tokens, std::min(128, room), 1, room);
  s.prefill_tokens =
      checked("prefill-tokens", a.prefill_tokens, std::min(512, n_positions), 1, n_positions);
  s.repeats = checked("repeats", a.repeats, 5, 1, 1000);
  return s;
}

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

class Bench {
 public:
  Bench(Backend& backend, const BenchSettings& settings)
      : backend_(backend),
        native_(dynamic_cast<native::NativeBackend*>(&backend)),
        settings_(settings) {}

  double first_token_ms() {
    const auto start = Clock::now();
    const int slot = prefill(settings_.prompt_tokens);
    draw(last_, 0, 0);
    backend_.release_slot(slot);
    return seconds_since(start) * 1e3;
  }

  Spread prefill_rate() {
    std::vector<double> rates;
    for (int i = 0; i < settings_.repeats; ++i) {
      const auto start = Clock::now();
      const int slot = prefill(settings_.prefill_tokens);
      rates.push_back(settings_.prefill_tokens / seconds_since(start));
      backend_.release_slot(slot);
    }
    return spread_of(rates);
  }

  // As texts are scored: the same tokens, each with its log-probability.
  Spread scoring_rate() {
    research::ScoredSequence sequence;
    for (int i = 0; i <= settings_.prefill_tokens; ++i) sequence.tokens.push_back(token(i));
    std::vector<double> rates;
    for (int i = 0; i < settings_.repeats; ++i) {
      const auto start = Clock::now();
      research::score(backend_, std::span(&sequence, 1));
      rates.push_back(settings_.prefill_tokens / seconds_since(start));
    }
    return spread_of(rates);
  }

  DecodeResult decode(int sequences) {
    std::vector<DecodeResult> runs;
    std::vector<double> rates;
    for (int i = 0; i < settings_.repeats; ++i) {
      runs.push_back(decode_once(sequences));
      rates.push_back(runs.back().tokens_per_second.median);
    }
    std::sort(runs.begin(), runs.end(), [](const auto& a, const auto& b) {
      return a.tokens_per_second.median < b.tokens_per_second.median;
    });
    DecodeResult result = runs[runs.size() / 2];
    result.tokens_per_second = spread_of(rates);
    return result;
  }

 private:
  // Arbitrary tokens: a pure function of the position, so that every run has the same work.
  TokenId token(int i) const { return (i * 37 + 11) % backend_.info().vocab_size; }

  int prefill(int tokens) {
    const int slot = backend_.acquire_slot();
    std::vector<Row> rows;
    for (int i = 0; i < tokens; ++i) rows.push_back({slot, token(i), i, i + 1 == tokens});
    last_ = backend_.step(rows);
    return slot;
  }

  TokenId draw(std::span<const float> row, int sequence, int step) {
    thread_local engine::Sampler sampler;
    return sampler
        .sample(row, params_,
                base::uniform({1, 1, static_cast<std::uint32_t>(sequence)},
                              static_cast<std::uint32_t>(step)))
        .token;
  }

  DecodeResult decode_once(int sequences) {
    const auto vocab = static_cast<std::size_t>(backend_.info().vocab_size);
    std::vector<int> slots{prefill(settings_.prompt_tokens)};
    std::vector<TokenId> tokens;
    tokens.push_back(draw(last_, 0, 0));
    for (int i = 1; i < sequences; ++i) {
      slots.push_back(backend_.acquire_slot());
      backend_.share_cache(slots[0], slots.back(), settings_.prompt_tokens);
      tokens.push_back(token(i));
    }
    const native::Profile before = native_ != nullptr ? native_->profile() : native::Profile{};
    double sampling = 0;
    const auto start = Clock::now();
    std::vector<Row> rows;
    for (int step = 0; step < settings_.new_tokens; ++step) {
      rows.clear();
      for (std::size_t i = 0; i < slots.size(); ++i) {
        rows.push_back({slots[i], tokens[i], settings_.prompt_tokens + step, true});
      }
      const auto logits = backend_.step(rows);
      const auto drawing = Clock::now();
      backend_.parallel(static_cast<int>(slots.size()), [&](int i) {
        const auto at = static_cast<std::size_t>(i);
        tokens[at] = draw(logits.subspan(at * vocab, vocab), i, step + 1);
      });
      sampling += seconds_since(drawing);
    }
    const double seconds = seconds_since(start);
    for (const int slot : slots) backend_.release_slot(slot);
    const native::Profile after = native_ != nullptr ? native_->profile() : native::Profile{};
    const double to_ms = 1e3 / settings_.new_tokens;
    DecodeResult result;
    result.sequences = sequences;
    result.tokens_per_second.median = sequences * settings_.new_tokens / seconds;
    result.step = seconds * to_ms;
    result.matrices = (after.matrices - before.matrices) * to_ms;
    result.attention = (after.attention - before.attention) * to_ms;
    result.sampling = sampling * to_ms;
    result.rest = result.step - result.matrices - result.attention - result.sampling;
    return result;
  }

  Backend& backend_;
  native::NativeBackend* native_;
  const BenchSettings& settings_;
  SamplingParams params_;
  std::span<const float> last_;
};

double matrix_cells(const ModelConfig& c) {
  const double width = c.n_embd;
  return c.n_layer * (4 * width * width + 2 * width * c.n_inner) + width * c.vocab_size;
}

// The widths of the weights that a step reads.
double bytes_of_weight(const std::string& precision) {
  if (precision == "int8") return 1;
  return precision == "bf16" ? 2 : 4;
}

void measure_machine(BenchResult& result, int threads) {
  base::ThreadPool pool(threads > 0 ? threads : base::usable_cores());
  constexpr std::size_t kLeastBytes = 128U << 20U;
  result.bandwidth = native::read_bandwidth(
      pool, std::max(kLeastBytes, static_cast<std::size_t>(result.weight_bytes)));
  result.rates = native::multiply_rates(pool);
}

}  // namespace

BenchResult bench(const BenchAsked& asked) {
  BackendOptions options = asked.backend;
  const auto start = Clock::now();
  const ModelFiles model = open_model(asked.model, std::nullopt);
  BenchResult result;
  result.settings = settings_of(asked, model.config.n_positions);
  const std::vector<int>& sequences = result.settings.sequences;
  options.max_slots = *std::max_element(sequences.begin(), sequences.end());
  const auto backend = open_backend(model, options);
  result.load_ms = seconds_since(start) * 1e3;
  if (asked.loaded) asked.loaded();
  Bench bench(*backend, result.settings);
  result.first_token_ms = bench.first_token_ms();
  for (const int n : sequences) result.decode.push_back(bench.decode(n));
  result.prefill_per_second = bench.prefill_rate();
  result.scored_per_second = bench.scoring_rate();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.peak_memory_kb = usage.ru_maxrss;

  result.backend = backend->info();
  const double cells = matrix_cells(model.config);
  result.weight_bytes = cells * bytes_of_weight(result.backend.precision);
  result.multiplications = cells;
  measure_machine(result, options.threads);
  const auto* native = dynamic_cast<const native::NativeBackend*>(backend.get());
  if (native != nullptr) result.isa = native->isa();
  return result;
}

}  // namespace medgen::jobs
