// The models that the black-box tests run: a tiny random one, converted by the program itself.
// Knows nothing of the tests.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace medgen::cli_tests {

// A folder of this test process, removed at its end.
const std::filesystem::path& scratch();

std::filesystem::path checkpoint(
    const std::string& name);  // a folder of tests/fixtures/checkpoints
std::filesystem::path checkpoint_tokenizer();

// The bundle of checkpoint("gelu_new_odd_head"), made on first use: 300 ids, a context of 24
// tokens.
const std::string& tiny_model();

// A copy of it that a test may break.
std::filesystem::path copy_of_tiny_model(const std::string& name);

void write(const std::filesystem::path& file, const std::string& content);
std::string read(const std::filesystem::path& file);

std::vector<std::string> lines_of(const std::string& text);

// So many rows for `batch` and `sweep`: ids p0, p1, ..., short prompts and a field of their own.
std::string prompts(int count);

}  // namespace medgen::cli_tests
