// See the header.
#include "wiring/faithfulness.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>

#include "base/files.h"
#include "base/new_file.h"
#include "kernels/tables.h"
#include "medgen/error.h"

namespace medgen::wiring {
namespace {

constexpr int kWindow = 256;
constexpr std::size_t kProbeLogits = std::size_t{1} << 24U;  // floats kept at once
// And in total: more than any real vocabulary's probe needs, and seconds for one of 16 million.
constexpr std::size_t kMaxProbeLogits = std::size_t{1} << 29U;
constexpr std::uint64_t kMaxRememberedBytes = 16;
// Tokens for the checks of equal bytes: enough for several pages, and few enough for the scalar
// kernels.
constexpr std::size_t kByteTokens = 40;

using Logits = std::vector<float>;

// The logits of all tokens, [tokens, vocab], of windows that each start afresh; `chunk` rows in a
// step.
Logits run(Backend& backend, std::span<const int> tokens, int window, int chunk) {
  Logits all;
  for (std::size_t first = 0; first < tokens.size(); first += static_cast<std::size_t>(window)) {
    const auto part = tokens.subspan(
        first, std::min<std::size_t>(static_cast<std::size_t>(window), tokens.size() - first));
    const int slot = backend.acquire_slot();
    std::vector<Row> rows;
    for (std::size_t i = 0; i < part.size(); ++i) {
      rows.push_back({slot, part[i], static_cast<int>(i), true});
      if (rows.size() < static_cast<std::size_t>(chunk) && i + 1 < part.size()) continue;
      const auto logits = backend.step(rows);
      all.insert(all.end(), logits.begin(), logits.end());
      rows.clear();
    }
    backend.release_slot(slot);
  }
  return all;
}

int window_of(const Backend& backend) { return std::min(kWindow, backend.info().n_positions); }

double log_sum_exp(std::span<const float> row) {
  double most = row[0];
  for (const float x : row) most = std::max(most, static_cast<double>(x));
  double sum = 0;
  for (const float x : row) sum += std::exp(static_cast<double>(x) - most);
  return most + std::log(sum);
}

std::span<const float> row_of(const Logits& logits, std::size_t row, std::size_t vocab) {
  return std::span<const float>(logits).subspan(row * vocab, vocab);
}

// -log p(token), nats.
double nll(std::span<const float> row, int token) {
  return log_sum_exp(row) - static_cast<double>(row[static_cast<std::size_t>(token)]);
}

double perplexity_of(const Logits& logits, std::span<const int> tokens, std::size_t window,
                     std::size_t vocab) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    if ((i + 1) % window == 0) continue;  // what follows belongs to another window
    sum += nll(row_of(logits, i, vocab), tokens[i + 1]);
    ++count;
  }
  return count == 0 ? 1 : std::exp(sum / static_cast<double>(count));
}

struct Difference {
  double logit = 0;         // largest, relative to the largest magnitude if that is above 1
  double divergence = 0;    // mean KL(reference || other), nats
  double disagreement = 0;  // share of rows whose most likely token differs
};

Difference compare(const Logits& reference, const Logits& other, std::size_t vocab) {
  Difference d;
  double scale = 1;
  const std::size_t rows = reference.size() / vocab;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    scale = std::max(scale, std::fabs(static_cast<double>(reference[i])));
    const double difference =
        std::fabs(static_cast<double>(reference[i]) - static_cast<double>(other[i]));
    d.logit = difference <= d.logit ? d.logit : difference;  // so that a NaN stays
  }
  d.logit /= scale;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto a = row_of(reference, row, vocab);
    const auto b = row_of(other, row, vocab);
    const double norm_a = log_sum_exp(a);
    const double norm_b = log_sum_exp(b);
    for (std::size_t i = 0; i < vocab; ++i) {
      const double log_p = static_cast<double>(a[i]) - norm_a;
      d.divergence += std::exp(log_p) * (log_p - (static_cast<double>(b[i]) - norm_b)) /
                      static_cast<double>(rows);
    }
    const auto best = [](std::span<const float> v) {
      return std::max_element(v.begin(), v.end()) - v.begin();
    };
    if (best(a) != best(b)) d.disagreement += 1 / static_cast<double>(rows);
  }
  return d;
}

double differing(const Logits& a, const Logits& b) {
  if (a.size() != b.size()) return static_cast<double>(std::max(a.size(), b.size()));
  double count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    count += std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i]) ? 1 : 0;
  }
  return count;
}

// With fewer parameters in a step a model is run as it is: in fp32 its weights stay in the
// processor's caches, from which fewer bytes are hardly faster to read. And it may be made at
// random, or for other texts than the probe, which then does not show what int8 changes.
constexpr std::int64_t kFewParameters = 1'000'000;

bool is_small(const ModelSource& source) {
  const ModelConfig& config = source.config;
  const std::int64_t one_row_of =  // of these a step reads no more
      config.n_positions + (config.tie_word_embeddings ? 0 : config.vocab_size);
  return config.parameter_count() - one_row_of * config.n_embd < kFewParameters;
}

// From slowest to fastest.
constexpr WeightPrecision kPrecisions[] = {WeightPrecision::kFloat32, WeightPrecision::kBFloat16,
                                           WeightPrecision::kInt8};

BackendOptions in_precision(BackendOptions options, WeightPrecision precision) {
  options.backend = BackendKind::kNative;
  options.precision = precision;
  return options;
}

// The last row's logits of several sequences that run side by side: `tokens` in the slot that
// counts, other text in the rest.
Logits run_among_others(Backend& backend, std::span<const int> tokens, int sequences) {
  std::vector<int> slots;
  for (int i = 0; i < sequences; ++i) slots.push_back(backend.acquire_slot());
  const int counts = slots[static_cast<std::size_t>(sequences / 2)];
  Logits all;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::vector<Row> rows;
    for (const int slot : slots) {
      const std::size_t shift = static_cast<std::size_t>(slot) * 7 % tokens.size();
      const int token = slot == counts ? tokens[i] : tokens[(i + shift) % tokens.size()];
      rows.push_back({slot, token, static_cast<int>(i), slot == counts});
    }
    const auto logits = backend.step(rows);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  for (const int slot : slots) backend.release_slot(slot);
  return all;
}

class Verification {
 public:
  Verification(const ModelSource& source, const BackendOptions& options, Reference reference)
      : source_(source), options_(options), reference_(reference), tokens_(probe_tokens(source)) {}

  std::vector<Check> run_all() {
    against_reference();
    against_itself();
    return checks_;
  }

 private:
  void add(const std::string& what, double value, double bound) {
    checks_.push_back({what, std::isnan(value) ? INFINITY : value, bound});
  }

  std::unique_ptr<Backend> open_reference() {
    if (reference_ == Reference::kDefinition) return open_definition(source_, options_);
    BackendOptions options = options_;
    options.backend = BackendKind::kTorchScript;
    options.precision = WeightPrecision::kAuto;
    return open_backend(source_, options);
  }

  void against_reference() {
    const bool scalar = reference_ == Reference::kDefinition;
    const char* const against =
        scalar ? " against the scalar definition: " : " against TorchScript: ";
    const auto other = open_reference();
    const auto vocab = static_cast<std::size_t>(other->info().vocab_size);
    const int window = window_of(*other);
    const Logits reference = run(*other, tokens_, window, window);
    const double reference_perplexity =
        perplexity_of(reference, tokens_, static_cast<std::size_t>(window), vocab);
    double fp32_perplexity = reference_perplexity;
    for (const WeightPrecision precision : kPrecisions) {
      const auto native = open_native_backend(source_, in_precision(options_, precision));
      const Logits logits = run(*native, tokens_, window, window);
      const Difference d = compare(reference, logits, vocab);
      const double perplexity =
          perplexity_of(logits, tokens_, static_cast<std::size_t>(window), vocab);
      const std::string name = std::string(to_string(precision)) + against;
      const bool exact = precision == WeightPrecision::kFloat32;
      if (exact) {
        fp32_perplexity = perplexity;
        if (scalar) {
          add(name + "logits that differ", differing(reference, logits), 0);
        } else {
          add(name + "largest logit difference", d.logit, 1e-4);
        }
      }
      add(name + "KL divergence, nats", d.divergence, exact ? 1e-6 : 0.02);
      add(name + "greedy choice differs, part of tokens", d.disagreement, exact ? 0.01 : 0.1);
      const double base = exact ? reference_perplexity : fp32_perplexity;
      add(name + "perplexity, relative increase", perplexity / base - 1,
          exact ? 1e-4 : kMostPerplexityIncrease);
    }
  }

  Logits bytes(const kernels::Kernels& kernels, int threads, int chunk) {
    NativeWith with = native_with(kernels, threads);
    return run(*with, part_, kWindow, chunk);
  }

  using NativeWith = std::unique_ptr<native::NativeBackend>;
  NativeWith native_with(const kernels::Kernels& kernels, int threads) {
    native::NativeOptions native_options;
    native_options.threads = threads;
    native_options.max_slots = 16;
    return std::make_unique<native::NativeBackend>(
        open_packed_weights(source_, in_precision(options_, WeightPrecision::kAuto)), kernels,
        native_options);
  }

  void against_itself() {
    const kernels::Kernels& best = native::choose_kernels();
    const std::size_t most =
        std::min<std::size_t>(kByteTokens, static_cast<std::size_t>(source_.config.n_positions));
    part_.assign(tokens_.begin(),
                 tokens_.begin() + static_cast<std::ptrdiff_t>(std::min(most, tokens_.size())));
    const Logits reference = bytes(best, 1, kWindow);
    add("cached against uncached: logits that differ", differing(reference, bytes(best, 1, 1)), 0);
    for (const int chunk : {7, 16}) {
      add(fmt::format("prefill in chunks of {}: logits that differ", chunk),
          differing(reference, bytes(best, 1, chunk)), 0);
    }
    for (const int threads : {2, 4}) {
      add(fmt::format("{} threads against 1: logits that differ", threads),
          differing(reference, bytes(best, threads, kWindow)), 0);
    }
    const NativeWith with = native_with(best, options_.threads);
    for (const int sequences : {3, 16}) {
      add(fmt::format("among {} sequences against alone: logits that differ", sequences),
          differing(reference, run_among_others(*with, part_, sequences)), 0);
    }
    const kernels::KernelList all = kernels::all_kernels();
    for (int i = 0; i < all.count; ++i) {
      if (all.tables[i] == &best || !kernels::can_run(*all.tables[i])) continue;
      add(std::string(all.tables[i]->name) + " against " + best.name + ": logits that differ",
          differing(reference, bytes(*all.tables[i], 2, kWindow)), 0);
    }
  }

  const ModelSource& source_;
  const BackendOptions& options_;
  const Reference reference_;
  std::vector<int> tokens_;
  std::vector<int> part_;
  std::vector<Check> checks_;
};

}  // namespace

double probe_perplexity(Backend& backend, std::span<const int> tokens) {
  const auto window = static_cast<std::size_t>(window_of(backend));
  const auto vocab = static_cast<std::size_t>(backend.info().vocab_size);
  const std::size_t chunk = std::max<std::size_t>(1, kProbeLogits / vocab);  // rows of a step
  tokens = tokens.first(std::min(tokens.size(), std::max<std::size_t>(2, kMaxProbeLogits / vocab)));
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t first = 0; first < tokens.size(); first += window) {
    const auto part = tokens.subspan(first, std::min(window, tokens.size() - first));
    const int slot = backend.acquire_slot();
    for (std::size_t begin = 0; begin + 1 < part.size(); begin += chunk) {
      const std::size_t end = std::min(part.size() - 1, begin + chunk);
      std::vector<Row> rows;
      for (std::size_t i = begin; i < end; ++i) {
        rows.push_back({slot, part[i], static_cast<int>(i), true});
      }
      const auto logits = backend.step(rows);
      for (std::size_t i = begin; i < end; ++i, ++count) {
        sum += nll(logits.subspan((i - begin) * vocab, vocab), part[i + 1]);
      }
    }
    backend.release_slot(slot);
  }
  return count == 0 ? 1 : std::exp(sum / static_cast<double>(count));
}

PrecisionReport measure_precisions(const ModelSource& source, const PrecisionProgress& progress) {
  PrecisionReport report;
  const std::vector<int> tokens = probe_tokens(source);
  double base = 0;
  for (const WeightPrecision precision : kPrecisions) {  // the last faithful one wins
    if (is_small(source) && precision != WeightPrecision::kFloat32) break;
    const std::string name(to_string(precision));
    BackendOptions options = in_precision({}, precision);
    options.keep_weights = false;
    if (progress) {
      options.packing = [&](int done, int total) { progress(name, done, total); };
    }
    const auto backend = open_native_backend(source, options);
    const double perplexity = probe_perplexity(*backend, tokens);
    report.perplexity.emplace_back(name, perplexity);
    if (report.auto_precision.empty()) base = perplexity;
    if (perplexity <= base * (1 + kMostPerplexityIncrease)) report.auto_precision = name;
  }
  if (report.auto_precision.empty())
    report.auto_precision = "fp32";  // the perplexity is not a number
  for (const auto precision :
       {native::Precision::kFloat32, native::Precision::kBFloat16, native::Precision::kInt8}) {
    if (native::to_string(precision) == report.auto_precision) continue;
    for (const auto& place : packed_places(source, packed_key(source, precision))) {
      std::error_code ignored;
      std::filesystem::remove(place, ignored);
    }
  }
  return report;
}

std::string remembered_precision(const ModelSource& source, const PrecisionProgress& progress) {
  if (is_small(source)) return "fp32";
  std::filesystem::path file =
      native::cached_packed_path(packed_key(source, native::Precision::kInt8));
  if (file.empty()) return measure_precisions(source, progress).auto_precision;
  file.replace_extension(".best");
  try {
    const std::string found =
        base::is_own_file(file) ? base::read_file(file, kMaxRememberedBytes) : std::string();
    for (const WeightPrecision precision : kPrecisions) {
      if (found == to_string(precision)) return found;
    }
  } catch (const Error&) {
    // Missing or unreadable: measure again.
  }
  const std::string best = measure_precisions(source, progress).auto_precision;
  try {
    base::write_file_atomically(file, best);
  } catch (const Error&) {
    // Only time is lost; that the packed weights cannot be kept either is reported later.
  }
  return best;
}

std::vector<Check> verify_model(const ModelSource& source, const BackendOptions& options,
                                Reference reference) {
  return Verification(source, options, reference).run_all();
}

}  // namespace medgen::wiring
