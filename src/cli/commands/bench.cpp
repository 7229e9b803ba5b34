// `medgen bench`: where generation spends its time on this machine, and how far that is from what
// the machine can do. Tokens are random and nothing ends early, so only the model's shape matters.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/random.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "engine/sampler.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "native/machine_rates.h"

namespace medgen::cli {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::ordered_json;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct BenchArguments {
  std::optional<std::string> model;
  BackendArguments backend;
  std::optional<std::string> sequences;
  std::optional<int> prompt_tokens, new_tokens, prefill_tokens, repeats;
  bool json = false, quiet = false;
};

struct BenchSettings {
  std::vector<int> sequences;
  int prompt_tokens = 16;
  int new_tokens = 128;
  int prefill_tokens = 512;
  int repeats = 5;
};

BenchArguments parse_bench(const Arguments& words) {
  BenchArguments a;
  CommandLine line(
      "medgen bench",
      "Measures loading, the first token, prefill and decoding, with the default sampler "
      "(temperature 0.7, top-k 50), and this machine's own limits for comparison.");
  line.text("--model", "DIR", a.model,
            "The model's folder. Default: the model that comes with medgen.");
  line.text("--sequences", "N,N,...", a.sequences,
            "How many at once; each 1 to 256. Default: 1,3,16,64.");
  line.number("--prompt-tokens", a.prompt_tokens,
              "Length of the prompt that the sequences share. Default: 16.");
  line.number("--new-tokens", a.new_tokens, "Tokens that each sequence generates. Default: 128.");
  line.number("--prefill-tokens", a.prefill_tokens,
              "Length of the prompt that prefill is measured on. Default: 512.");
  line.number("--repeats", a.repeats, "How many times each is measured; 1 to 1000. Default: 5.");
  declare(line, a.backend);
  line.flag("--json", a.json, "Print one line of JSON instead of tables.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  return a;
}

int checked(const char* name, std::optional<int> value, int fallback, int low, int high) {
  const int result = value.value_or(fallback);
  if (result >= low && result <= high) return result;
  std::string message = name;
  message += " is " + std::to_string(result) + "; it must be from " + std::to_string(low);
  throw Error(ErrorCode::kUsage, message + " to " + std::to_string(high));
}

BenchSettings resolve(const BenchArguments& a, int n_positions) {
  BenchSettings s;
  std::string list = a.sequences.value_or("1,3,16,64");
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    s.sequences.push_back(
        checked("sequences", parse_int("sequences", list.substr(at, end - at)), 1, 1, 256));
    at = end + 1;
  }
  s.prompt_tokens =
      checked("prompt-tokens", a.prompt_tokens, std::min(16, n_positions - 1), 1, n_positions - 1);
  const int room = n_positions - s.prompt_tokens;
  s.new_tokens = checked("new-tokens", a.new_tokens, std::min(128, room), 1, room);
  s.prefill_tokens =
      checked("prefill-tokens", a.prefill_tokens, std::min(512, n_positions), 1, n_positions);
  s.repeats = checked("repeats", a.repeats, 5, 1, 1000);
  return s;
}

// Median, least and most of a measurement.
struct Spread {
  double median = 0, least = 0, most = 0;
};

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {median, values.front(), values.back()};
}

ordered_json to_json(const Spread& s) {
  return {{"median", s.median}, {"min", s.least}, {"max", s.most}};
}

struct DecodeResult {
  int sequences = 0;
  Spread tokens_per_second;
  // For a step of the median repeat, in ms:
  double step = 0, matrices = 0, attention = 0, sampling = 0, rest = 0;
};

struct Result {
  double load_ms = 0, first_token_ms = 0;
  Spread prefill_per_second;
  std::vector<DecodeResult> decode;
  double weight_bytes = 0, multiplications = 0;  // that a step reads and a token takes
  double bandwidth = 0;                          // bytes a second
  std::vector<native::MultiplyRate> rates;
  long peak_memory_kb = 0;
};

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

void print_text(Output& out, const BackendInfo& info, const char* isa, const Result& r) {
  char line[300];
  const auto print = [&](auto... values) {
    std::snprintf(line, sizeof line, values...);
    out.write(line);
  };
  print("%s, %s%s%s: %.0f MB read and %.0f million multiplications a token\n", info.name.c_str(),
        info.precision.c_str(), *isa == 0 ? "" : ", ", isa, r.weight_bytes / 1e6,
        r.multiplications / 1e6);
  print("load %.1f ms   first token %.1f ms   peak memory %ld MB\n", r.load_ms, r.first_token_ms,
        r.peak_memory_kb / 1024);
  print("prefill %.0f tokens/s (%.0f to %.0f)\n\n", r.prefill_per_second.median,
        r.prefill_per_second.least, r.prefill_per_second.most);
  print("%9s %9s %19s %8s %8s %9s %9s %7s %7s %7s\n", "sequences", "tokens/s", "(least to most)",
        "step ms", "matrices", "attention", "sampling", "rest", "GB/s", "GMAC/s");
  for (const DecodeResult& d : r.decode) {
    const Spread& t = d.tokens_per_second;
    print("%9d %9.1f %9.1f to %6.1f %8.2f %8.2f %9.2f %9.2f %7.2f %7.1f %7.1f\n", d.sequences,
          t.median, t.least, t.most, d.step, d.matrices, d.attention, d.sampling, d.rest,
          r.weight_bytes / d.step / 1e6, r.multiplications * d.sequences / d.step / 1e6);
  }
  print("\nthis machine: reads %.1f GB/s", r.bandwidth / 1e9);
  for (const native::MultiplyRate& rate : r.rates) {
    print("; %s multiplies %.0f GMAC/s in fp32, %.0f in int8", rate.isa.c_str(), rate.fp32 / 1e9,
          rate.int8 / 1e9);
  }
  out.write("\n");
}

void print_json(Output& out, const BackendInfo& info, const char* isa, const BenchSettings& s,
                const Result& r) {
  ordered_json decode = ordered_json::array();
  for (const DecodeResult& d : r.decode) {
    decode.push_back({{"sequences", d.sequences},
                      {"tokens_per_second", to_json(d.tokens_per_second)},
                      {"step_ms",
                       {{"total", d.step},
                        {"matrices", d.matrices},
                        {"attention", d.attention},
                        {"sampling", d.sampling},
                        {"rest", d.rest}}},
                      {"gigabytes_per_second", r.weight_bytes / d.step / 1e6},
                      {"gigamacs_per_second", r.multiplications * d.sequences / d.step / 1e6}});
  }
  ordered_json rates = ordered_json::array();
  for (const native::MultiplyRate& rate : r.rates) {
    rates.push_back({{"isa", rate.isa},
                     {"fp32_gigamacs_per_second", rate.fp32 / 1e9},
                     {"int8_gigamacs_per_second", rate.int8 / 1e9}});
  }
  const ordered_json result = {
      {"backend", info.name},
      {"precision", info.precision},
      {"isa", isa},
      {"prompt_tokens", s.prompt_tokens},
      {"new_tokens", s.new_tokens},
      {"repeats", s.repeats},
      {"load_ms", r.load_ms},
      {"first_token_ms", r.first_token_ms},
      {"prefill",
       {{"tokens", s.prefill_tokens}, {"tokens_per_second", to_json(r.prefill_per_second)}}},
      {"decode", decode},
      {"peak_memory_mb", r.peak_memory_kb / 1024},
      {"machine", {{"read_gigabytes_per_second", r.bandwidth / 1e9}, {"multiply", rates}}}};
  out.write(result.dump() + "\n");
}

}  // namespace

int bench_command(const Arguments& words) {
  const BenchArguments a = parse_bench(words);
  const Messages messages(a.quiet);
  BackendOptions options = resolve(a.backend, messages);
  const auto start = Clock::now();
  const jobs::ModelFiles model = jobs::open_model(a.model, std::nullopt);
  const BenchSettings settings = resolve(a, model.config.n_positions);
  options.max_slots = *std::max_element(settings.sequences.begin(), settings.sequences.end());
  const auto backend = jobs::open_backend(model, options);
  Result result;
  result.load_ms = seconds_since(start) * 1e3;
  Bench bench(*backend, settings);
  result.first_token_ms = bench.first_token_ms();
  for (const int n : settings.sequences) result.decode.push_back(bench.decode(n));
  result.prefill_per_second = bench.prefill_rate();
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  result.peak_memory_kb = usage.ru_maxrss;

  const double cells = matrix_cells(model.config);
  const double width = backend->info().precision == "int8"   ? 1
                       : backend->info().precision == "bf16" ? 2
                                                             : 4;
  result.weight_bytes = cells * width;
  result.multiplications = cells;
  base::ThreadPool pool(options.threads > 0 ? options.threads : base::usable_cores());
  constexpr std::size_t kLeastBytes = 128U << 20U;
  result.bandwidth = native::read_bandwidth(
      pool, std::max(kLeastBytes, static_cast<std::size_t>(result.weight_bytes)));
  result.rates = native::multiply_rates(pool);

  const auto* native = dynamic_cast<const native::NativeBackend*>(backend.get());
  const char* isa = native != nullptr ? native->isa() : "";
  Output output(STDOUT_FILENO);
  if (a.json) {
    print_json(output, backend->info(), isa, settings, result);
  } else {
    print_text(output, backend->info(), isa, result);
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
