// The options of `generate`: their help, and how they resolve.
// No side effects here, and no knowledge of models or terminals.
#include "cli/generate_options.h"

#include "cli/number_text.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

void declare_input(CommandLine& line, GenerateArguments& a) {
  line.positional(
      "TEXT", a.text, false,
      "Text to continue. Without it: --prompt-file, or standard input when that is no terminal. "
      "An empty text starts from the model's BOS or EOS token.");
  line.text(
      "--prompt-file", "FILE", a.prompt_file,
      "Read the text from FILE (- is standard input); one line break at the end is dropped, from "
      "standard input too. At most 1 MiB of UTF-8.");
  line.exclude("TEXT", "--prompt-file");
  line.flag("--truncate-prompt", a.truncate_prompt,
            "Keep only the end of a text that does not fit, with room for the continuation (for "
            "--max-new-tokens, or half of what the limits allow), and say how much was dropped.");
  line.text(
      "--model", "DIR|FILE.pt", a.model,
      "Model folder, or a TorchScript GPT-2 (with --tokenizer). Default: the model that comes with "
      "medgen.");
  line.text("--tokenizer", "DIR", a.tokenizer, "Tokenizer for a --model that is a .pt file.");
}

void declare_sampling(CommandLine& line, GenerateArguments& a) {
  const SamplingParams sampling;
  const StoppingParams stopping;
  const std::string from_model = " A model's generation_config.json may set another default.";
  line.number("--max-length", a.max_length,
              "Most tokens of text and continuation together; 1 or more. Default: " +
                  std::to_string(stopping.max_length) + "." + from_model);
  line.number("--max-new-tokens", a.max_new_tokens,
              "Most tokens of the continuation, instead of --max-length; 1 or more.");
  line.exclude("--max-length", "--max-new-tokens");
  line.number(
      "--temperature", a.temperature,
      "0 or more: below 1 likelier words, above 1 more surprising ones, 0 as --greedy. Default: " +
          number_text(sampling.temperature) + ".");
  line.number("--top-k", a.top_k,
              "Draw from the K likeliest tokens; 0 or more, 0 is off. Default: " +
                  std::to_string(sampling.top_k) + ".");
  line.number(
      "--top-p", a.top_p,
      "Draw from the fewest tokens whose probability reaches P; above 0, at most 1, 1 is off. "
      "Default: " +
          number_text(sampling.top_p) + ".");
  line.flag("--greedy", a.greedy,
            "Always take the likeliest token. Gives one continuation: -n above 1 is refused.");
  line.exclude("--greedy", "--temperature");
  line.number("-n,--num-return-sequences", a.num_return_sequences,
              "How many continuations; 1 to " + std::to_string(kMaxNumReturnSequences) +
                  ". Default: " + std::to_string(kDefaultNumReturnSequences) +
                  ", or 1 when greedy.");
  line.number("--seed", a.seed,
              "The same seed gives the same continuations; 0 to 18446744073709551615. Default: "
              "drawn by the "
              "system and reported.");
  line.texts(
      "--stop", "TEXT", a.stop,
      "End a continuation before TEXT; may be given several times (the variable holds one).");
}

void declare_running(CommandLine& line, GenerateArguments& a) {
  line.choice("--device", {"cpu", "cuda"}, a.device,
              "Where to compute: cpu or cuda. Default: cpu.");
  line.number("--threads", a.threads,
              "Threads to compute with; 0 to 1024, 0 is one for each core. Default: 0.");
  line.flag("--json", a.json, "Print one line of JSON: prompt, completions, provenance, notice.");
  line.flag("--quiet", a.quiet,
            "Print nothing on standard error but errors and, unless --json, a one-line notice.");
  line.choice(
      "--color", {"auto", "always", "never"}, a.color,
      "Colours: auto (on a terminal, unless NO_COLOR is set or TERM is dumb), always or never. "
      "Default: auto.");
  line.flag("--no-color", a.no_color, "The same as --color never.");
  line.exclude("--color", "--no-color");
  line.config_file();
}

}  // namespace

void declare(CommandLine& line, GenerateArguments& arguments) {
  declare_input(line, arguments);
  declare_sampling(line, arguments);
  declare_running(line, arguments);
}

ColorChoice color_choice(const GenerateArguments& arguments) {
  if (arguments.no_color || arguments.color == "never") return ColorChoice::kNever;
  return arguments.color == "always" ? ColorChoice::kAlways : ColorChoice::kAuto;
}

GenerateSettings resolve(const GenerateArguments& a, const GenerationDefaults& defaults) {
  GenerateSettings s;
  const bool greedy_model = !defaults.do_sample.value_or(true);
  const float model_temperature =
      greedy_model ? 0.0F : defaults.temperature.value_or(s.sampling.temperature);
  s.sampling.temperature = a.greedy ? 0.0F : a.temperature.value_or(model_temperature);
  s.sampling.top_k = a.top_k.value_or(defaults.top_k.value_or(s.sampling.top_k));
  s.sampling.top_p = a.top_p.value_or(defaults.top_p.value_or(s.sampling.top_p));
  s.sampling.seed = a.seed.value_or(0);

  s.stopping.max_length =
      a.max_length.value_or(defaults.max_length.value_or(s.stopping.max_length));
  s.stopping.max_new_tokens = a.max_new_tokens;
  if (!a.max_new_tokens && !a.max_length) s.stopping.max_new_tokens = defaults.max_new_tokens;
  s.stopping.stop = a.stop.value_or(std::vector<std::string>{});
  validate(s.sampling);
  validate(s.stopping);

  const bool greedy = s.sampling.temperature == 0;
  s.num_return_sequences = a.num_return_sequences.value_or(
      greedy ? 1 : defaults.num_return_sequences.value_or(s.num_return_sequences));
  if (s.num_return_sequences < 1 || s.num_return_sequences > kMaxNumReturnSequences) {
    throw Error(ErrorCode::kUsage,
                "num-return-sequences is " + std::to_string(s.num_return_sequences) +
                    "; it must be from 1 to " + std::to_string(kMaxNumReturnSequences) +
                    ": run medgen several times with other seeds for more");
  }
  if (greedy && s.num_return_sequences > 1) {
    throw Error(ErrorCode::kUsage,
                "num-return-sequences is " + std::to_string(s.num_return_sequences) +
                    " with greedy decoding, which would give the same text each time: "
                    "use 1, or a temperature above 0");
  }
  if (a.threads && (*a.threads < 0 || *a.threads > 1024)) {
    throw Error(ErrorCode::kUsage, "threads is " + std::to_string(*a.threads) +
                                       "; it must be from 0 to 1024: 0 takes one for each core");
  }
  return s;
}

}  // namespace medgen::cli
