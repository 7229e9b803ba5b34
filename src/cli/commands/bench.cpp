// `medgen bench`: options in, tables or JSON out.
#include "jobs/bench.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"

namespace medgen::cli {
namespace {

using jobs::BenchSettings;
using jobs::DecodeResult;
using jobs::Spread;
using nlohmann::ordered_json;
using Result = jobs::BenchResult;

struct BenchArguments {
  std::optional<std::string> model;
  BackendArguments backend;
  std::optional<std::string> sequences;
  std::optional<int> prompt_tokens, new_tokens, prefill_tokens, repeats;
  bool json = false, quiet = false;
};

BenchArguments parse_bench(const Arguments& words) {
  BenchArguments a;
  CommandLine line(
      "medgen bench",
      "Measures loading, the first token, prefill, scoring and decoding, with the default sampler "
      "(temperature 0.7, top-k 50), and this machine's own limits for comparison.");
  line.text("--model", reads_model("DIR"), a.model,
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

std::vector<int> parse_list(const char* name, const std::string& text) {
  std::vector<int> numbers;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    numbers.push_back(parse_int(name, text.substr(at, end - at)));
    at = end + 1;
  }
  return numbers;
}

ordered_json to_json(const Spread& s) {
  return {{"median", s.median}, {"min", s.least}, {"max", s.most}};
}

void print_text(Output& out, const BackendInfo& info, const char* isa, const Result& r) {
  out.write(fmt::format("{}, {}{}{}: {:.0f} MB read and {:.0f} million multiplications a token\n",
                        info.name, info.precision, *isa == 0 ? "" : ", ", isa, r.weight_bytes / 1e6,
                        r.multiplications / 1e6));
  out.write(fmt::format("load {:.1f} ms   first token {:.1f} ms   peak memory {} MB\n", r.load_ms,
                        r.first_token_ms, r.peak_memory_kb / 1024));
  const Spread& scored = r.scored_per_second;
  out.write(fmt::format(
      "prefill {:.0f} tokens/s ({:.0f} to {:.0f})   scoring {:.0f} tokens/s ({:.0f} to {:.0f})\n\n",
      r.prefill_per_second.median, r.prefill_per_second.least, r.prefill_per_second.most,
      scored.median, scored.least, scored.most));
  out.write(
      "sequences  tokens/s     (least to most)  step ms matrices attention  sampling    rest    "
      "GB/s  GMAC/s\n");
  for (const DecodeResult& d : r.decode) {
    const Spread& t = d.tokens_per_second;
    out.write(fmt::format(
        "{:9} {:9.1f} {:9.1f} to {:6.1f} {:8.2f} {:8.2f} {:9.2f} {:9.2f} {:7.2f} {:7.1f} {:7.1f}\n",
        d.sequences, t.median, t.least, t.most, d.step, d.matrices, d.attention, d.sampling, d.rest,
        r.weight_bytes / d.step / 1e6, r.multiplications * d.sequences / d.step / 1e6));
  }
  out.write(fmt::format("\nthis machine: reads {:.1f} GB/s", r.bandwidth / 1e9));
  for (const native::MultiplyRate& rate : r.rates) {
    out.write(fmt::format("; {} multiplies {:.0f} GMAC/s in fp32, {:.0f} in int8", rate.isa,
                          rate.fp32 / 1e9, rate.int8 / 1e9));
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
      {"scoring",
       {{"tokens", s.prefill_tokens}, {"tokens_per_second", to_json(r.scored_per_second)}}},
      {"decode", decode},
      {"peak_memory_mb", r.peak_memory_kb / 1024},
      {"machine", {{"read_gigabytes_per_second", r.bandwidth / 1e9}, {"multiply", rates}}}};
  out.write(result.dump() + "\n");
}

}  // namespace

int bench_command(const Arguments& words) {
  const BenchArguments a = parse_bench(words);
  jobs::BenchAsked asked{.model = a.model,
                         .backend = resolve(a.backend, Messages(a.quiet)),
                         .prompt_tokens = a.prompt_tokens,
                         .new_tokens = a.new_tokens,
                         .prefill_tokens = a.prefill_tokens,
                         .repeats = a.repeats,
                         .loaded = [] { finish_loading(safety::Writes::kNothing); }};
  if (a.sequences) asked.sequences = parse_list("sequences", *a.sequences);
  const Result result = jobs::bench(asked);
  Output output(STDOUT_FILENO);
  if (a.json) {
    print_json(output, result.backend, result.isa.c_str(), result.settings, result);
  } else {
    print_text(output, result.backend, result.isa.c_str(), result);
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
