// The options that say what to learn from.
// Must not know what is done with the corpus.
#include "cli/corpus_options.h"

#include <cmath>

#include "medgen/error.h"

namespace medgen::cli {

void declare(CommandLine& line, CorpusArguments& arguments) {
  line.texts("--data", "FILE", arguments.data,
             "Corpus, .jsonl or .jsonl.zst, with {\"text\": ...} or {\"question\": ..., "
             "\"answer\": ...} on "
             "each line; may be given several times. Needed.");
  line.texts("--weight", "NAME=X", arguments.weights,
             "How often a source counts, by the \"source\" of its records or its file's name "
             "without endings; "
             "0 or more, 1 where nothing is said; may be given several times.");
}

void require_data(const CorpusArguments& arguments) {
  if (data_files(arguments).empty()) {
    throw Error(ErrorCode::kUsage, "no corpus: give --data FILE, a .jsonl or .jsonl.zst");
  }
}

std::vector<std::filesystem::path> data_files(const CorpusArguments& arguments) {
  if (!arguments.data) return {};
  return {arguments.data->begin(), arguments.data->end()};
}

std::vector<SourceWeight> source_weights(const CorpusArguments& arguments) {
  std::vector<SourceWeight> weights;
  for (const std::string& text : arguments.weights.value_or(std::vector<std::string>{})) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::kUsage,
                  "--weight is \"" + text + "\": give NAME=NUMBER, such as nhs=3");
    }
    SourceWeight weight{text.substr(0, equals), 0};
    weight.weight = parse_double("--weight " + weight.name, text.substr(equals + 1));
    if (!std::isfinite(weight.weight) || weight.weight < 0) {
      throw Error(ErrorCode::kUsage,
                  "--weight is \"" + text + "\": the number must be finite and 0 or more");
    }
    weights.push_back(weight);
  }
  return weights;
}

}  // namespace medgen::cli
