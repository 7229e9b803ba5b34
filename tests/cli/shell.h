// A line for the shell, for tests that need what other programs say of ours.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace medgen::cli_tests {

struct ShellResult {
  int status = -1;
  std::string out;  // standard error as well
};

inline ShellResult shell(const std::string& command) {
  FILE* const pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  ShellResult result;
  char block[4096];
  while (const std::size_t n = std::fread(block, 1, sizeof block, pipe))
    result.out.append(block, n);
  result.status = WEXITSTATUS(::pclose(pipe));
  return result;
}

// One word of a command line, whatever blanks it has; without single quotes.
inline std::string shell_word(const std::filesystem::path& path) {
  return "'" + path.string() + "'";
}

inline bool is_installed(const std::string& program) {
  return shell("command -v " + program).status == 0;
}

}  // namespace medgen::cli_tests
