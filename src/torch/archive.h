// Opening a TorchScript file from disk: looked at before it is loaded, and with errors that say
// what helps.
#pragma once

#include <torch/script.h>

#include <filesystem>
#include <string>

namespace medgen {

// An archive is a program: code in it could write or read files while it loads or runs. Throws
// Error(kModel) if the file is no TorchScript archive or its code names an operation that touches
// files, or runs on loading.
void scan_archive(const std::filesystem::path& model_pt);

// scan_archive(), then torch::jit::load. Throws Error(kModel): truncated, garbage, or with
// operators that this libtorch does not know, which are named.
torch::jit::Module load_archive(const std::filesystem::path& model_pt);

// libtorch's messages carry stack traces of its own; this is their first line.
std::string first_line(const std::exception& error);

}  // namespace medgen
