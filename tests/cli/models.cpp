// Making the models that the tests run.
// Knows nothing of the tests.
#include "cli/models.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "cli/process.h"
#include "places.h"

namespace medgen::cli_tests {
namespace fs = std::filesystem;
namespace {

struct Scratch {
  fs::path path = fs::temp_directory_path() / ("medgen_cli_tests_" + std::to_string(::getpid()));
  Scratch() { fs::create_directories(path); }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

}  // namespace

const fs::path& scratch() {
  static const Scratch scratch;
  return scratch.path;
}

fs::path checkpoint(const std::string& name) {
  return fs::path(MEDGEN_FIXTURES) / "checkpoints" / name;
}

fs::path checkpoint_tokenizer() { return checkpoint("tokenizer"); }

const std::string& tiny_model() {
  static const std::string path = [] {
    const std::string out = (scratch() / "tiny").string();
    const RunResult result =
        run({"convert", checkpoint("gelu_new_odd_head").string(), out, "--tokenizer",
             checkpoint_tokenizer().string(), "--name", "tiny"});
    EXPECT_EQ(result.status, 0) << result.err;
    return out;
  }();
  return path;
}

fs::path copy_of_tiny_model(const std::string& name) {
  const fs::path copy = scratch() / name;
  fs::remove_all(copy);
  fs::copy(tiny_model(), copy, fs::copy_options::recursive);
  return copy;
}

void write(const fs::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::string read(const fs::path& file) {
  std::ostringstream content;
  content << std::ifstream(file, std::ios::binary).rdbuf();
  return content.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string prompts(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) {
    rows += R"({"id":"p)" + std::to_string(i) + R"(","prompt":"I feel )" +
            std::string(1 + i % 5, 'a') + R"(","lang":"en"})" + "\n";
  }
  return rows;
}

}  // namespace medgen::cli_tests
