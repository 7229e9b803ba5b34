// The options that say what to learn from.
#include "cli/options/corpus_options.h"

#include <fmt/format.h>

#include "base/value_shown.h"
#include "corpus/token_documents.h"
#include "medgen/error.h"

namespace medgen::cli {

void declare(CommandLine& line, CorpusArguments& arguments) {
  declare_data(line, arguments,
               "Corpus: .jsonl with {\"text\": ...} or {\"question\": ..., \"answer\": ...} on "
               "each line, .csv or .txt, also with .zst or .gz; may be given several times. "
               "Required.");
  declare_weights(line, arguments);
}

void declare_data(CommandLine& line, CorpusArguments& arguments, const std::string& help) {
  line.texts("--data", reads("FILE"), arguments.data, help);
}

void declare_weights(CommandLine& line, CorpusArguments& arguments) {
  line.texts("--weight", "NAME=X", arguments.weights,
             "How often a source counts, by the \"source\" of its records or its file's name "
             "without extensions; "
             "0 or more, 1 by default; may be given several times.");
}

void require_data(const CorpusArguments& arguments) {
  if (data_files(arguments).empty()) {
    throw Error(ErrorCode::kUsage, "no corpus: give --data FILE");
  }
}

std::vector<std::filesystem::path> data_files(const CorpusArguments& arguments) {
  if (!arguments.data) return {};
  return {arguments.data->begin(), arguments.data->end()};
}

std::vector<corpus::SourceWeight> source_weights(const CorpusArguments& arguments,
                                                 const std::string& option) {
  std::vector<corpus::SourceWeight> weights;
  for (const std::string& text : arguments.weights.value_or(std::vector<std::string>{})) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(ErrorCode::kUsage,
                  option + " is " + base::value_shown(text) + ": give NAME=NUMBER, such as nhs=3");
    }
    corpus::SourceWeight weight{text.substr(0, equals), 0};
    weight.weight = parse_double("the number of " + option, text.substr(equals + 1));
    if (!(weight.weight >= 0 && weight.weight <= corpus::kMaxWeight)) {
      throw Error(ErrorCode::kUsage,
                  fmt::format("the number of {} is \"{}\": it must lie in [0, {:g}]", option,
                              text.substr(equals + 1), corpus::kMaxWeight));
    }
    // Given twice, the later one counts, as with any option.
    std::erase_if(weights,
                  [&](const corpus::SourceWeight& earlier) { return earlier.name == weight.name; });
    weights.push_back(weight);
  }
  return weights;
}

std::string with_line_breaks(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text.compare(i, 2, "\\n") == 0;
    out += escaped ? '\n' : text[i];
    i += escaped ? 1 : 0;
  }
  return out;
}

}  // namespace medgen::cli
