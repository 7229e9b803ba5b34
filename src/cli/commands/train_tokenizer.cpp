// `medgen train-tokenizer`: a corpus becomes a SentencePiece vocabulary. Never loads libtorch.
#include "text/train_tokenizer.h"

#include <fmt/format.h>

#include <filesystem>

#include "base/files.h"
#include "base/refuse.h"
#include "base/write_failure.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/options/corpus_options.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "corpus/tokenizer_text.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSampleBytes = 64'000'000;

struct TrainTokenizerArguments {
  CorpusArguments corpus;
  std::optional<std::string> output, type;
  std::optional<int> vocab_size, threads;
  std::optional<double> character_coverage;
  std::optional<std::uint64_t> sample_bytes, seed;
  bool quiet = false;
};

TrainTokenizerArguments parse_train_tokenizer(const Arguments& words) {
  TrainTokenizerArguments a;
  const text::TokenizerTrainingOptions defaults;
  CommandLine line(
      "medgen train-tokenizer",
      "Makes a SentencePiece vocabulary with byte fallback from a corpus. The same text, options "
      "and seed give the same file.");
  declare(line, a.corpus);
  line.text("--output", works_in("DIR"), a.output,
            "Folder for tokenizer.model; created if missing. Required.");
  line.number("--vocab-size", a.vocab_size,
              fmt::format("Pieces; 512 to 65536. Default: {}.", defaults.vocab_size));
  line.choice("--type", {"unigram", "bpe"}, a.type,
              fmt::format("unigram or bpe. Default: {}.", defaults.type));
  line.number("--character-coverage", a.character_coverage,
              "Share of the text's characters with a piece of their own; the rest are spelled in "
              "bytes; above "
              "0.9, at most 1. Default: 0.9999.");
  line.number(
      "--sample-bytes", a.sample_bytes,
      fmt::format("Approximate bytes of text to learn from; 1000 to 4000000000. Default: {}.",
                  kSampleBytes));
  line.number("--seed", a.seed, "Picks the sample. Default: 1.");
  line.number("--threads", a.threads, "Threads; 1 to 128. Default: 1.");
  line.flag("--quiet", a.quiet, "Print nothing on standard error but errors.");
  line.parse(words);
  require_data(a.corpus);
  if (!a.output) throw Error(ErrorCode::kUsage, "no output folder: give --output DIR");
  const std::uint64_t bytes = a.sample_bytes.value_or(kSampleBytes);
  if (bytes < 1000 || bytes > 4'000'000'000U) {
    base::refuse_value("sample-bytes", fmt::to_string(bytes), "from 1000 to 4000000000");
  }
  const int threads = a.threads.value_or(1);
  if (threads < 1 || threads > 128) {
    base::refuse_value("threads", fmt::to_string(threads), "from 1 to 128");
  }
  return a;
}

text::TokenizerTrainingOptions training_options(const TrainTokenizerArguments& a) {
  text::TokenizerTrainingOptions options;
  options.vocab_size = a.vocab_size.value_or(options.vocab_size);
  options.type = a.type.value_or(options.type);
  options.character_coverage = a.character_coverage.value_or(options.character_coverage);
  options.threads = a.threads.value_or(options.threads);
  return options;
}

}  // namespace

int train_tokenizer_command(const Arguments& words) {
  const TrainTokenizerArguments a = parse_train_tokenizer(words);
  const text::TokenizerTrainingOptions options = training_options(a);
  text::validate(options);  // before the corpus is read
  const Messages messages(a.quiet);
  const fs::path folder = *a.output;
  const fs::path file = folder / "tokenizer.model";
  if (fs::exists(file)) {
    throw Error(ErrorCode::kUsage, file.string() + " exists: remove it or give another --output");
  }

  text::load_trainer();
  finish_loading(safety::Writes::kAsBefore);
  messages.note("reading the corpus");
  std::vector<std::string> lines;
  std::uint64_t bytes = 0;
  corpus::sample_lines(data_files(a.corpus), source_weights(a.corpus),
                       a.sample_bytes.value_or(kSampleBytes), a.seed.value_or(1),
                       [&](std::string&& text) {
                         bytes += text.size();
                         lines.push_back(std::move(text));
                       });
  messages.note(fmt::format("learning {} pieces from {} lines, {} bytes", options.vocab_size,
                            lines.size(), bytes));
  std::size_t next = 0;
  const std::string model = text::train_tokenizer(options, [&](std::string& text) {
    if (next == lines.size()) return false;
    text = std::move(lines[next++]);
    return true;
  });
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorCode::kRuntime, fmt::format("cannot make the folder {}: {}", folder.string(),
                                                 base::write_failure(error.value())));
  }
  base::write_file_atomically(file, model);
  messages.note("wrote " + file.string());
  return kExitFine;
}

}  // namespace medgen::cli
