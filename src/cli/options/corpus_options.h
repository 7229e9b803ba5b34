// The options that say what to learn from, shared by the commands that read a corpus.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/options/command_line.h"
#include "corpus/documents.h"

namespace medgen::cli {

struct CorpusArguments {
  std::optional<std::vector<std::string>> data;
  std::optional<std::vector<std::string>> weights;  // "nhs=3"
};

void declare(CommandLine& line, CorpusArguments& arguments);
// The parts of it: --data with a help text of its own, and --weight.
void declare_data(CommandLine& line, CorpusArguments& arguments, const std::string& help);
void declare_weights(CommandLine& line, CorpusArguments& arguments);

// Throws Error(kUsage) if no data was named.
void require_data(const CorpusArguments& arguments);

std::vector<std::filesystem::path> data_files(const CorpusArguments& arguments);

// In order; if a name is given twice, the later one counts.
// Throws Error(kUsage) for what is not NAME=NUMBER with a finite number >= 0.
// `option` names their origin in messages.
std::vector<corpus::SourceWeight> source_weights(const CorpusArguments& arguments,
                                                 const std::string& option = "--weight");

// The text with each "\n" turned into a line break, which is hard to type in a shell.
std::string with_line_breaks(const std::string& text);

}  // namespace medgen::cli
