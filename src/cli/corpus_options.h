// The options that say what to learn from, shared by the two training commands.
// Must not know what is done with the corpus.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/command_line.h"
#include "corpus/documents.h"

namespace medgen::cli {

struct CorpusArguments {
  std::optional<std::vector<std::string>> data;
  std::optional<std::vector<std::string>> weights;  // "nhs=3"
};

void declare(CommandLine& line, CorpusArguments& arguments);

// Throws Error(kUsage) if no data was named.
void require_data(const CorpusArguments& arguments);

std::vector<std::filesystem::path> data_files(const CorpusArguments& arguments);

// Throws Error(kUsage) for what is not NAME=NUMBER with a finite number >= 0.
std::vector<SourceWeight> source_weights(const CorpusArguments& arguments);

}  // namespace medgen::cli
