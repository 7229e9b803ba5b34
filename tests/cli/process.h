// Runs the program as a user would: arguments, environment, pipes or a terminal, signals.
// Knows nothing of what the program prints.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace medgen::cli_tests {

struct RunOptions {
  std::string input = {};                               // standard input, if not a terminal
  std::string input_path = {};                          // or this file
  bool input_stays_open = false;                        // the reader sees no end after `input`
  std::map<std::string, std::string> environment = {};  // see child_environment()
  std::string output_path = {};                         // standard output goes there instead
  bool terminal = false;                                // standard input and output are a terminal
  std::string program = {};                             // a copy of the program that is run instead
};

struct RunResult {
  int status = -1;  // exit status, or 128 + signal
  std::string out;  // from a terminal: with "\r\n" as it sends them
  std::string err;
};

// A running program. What it writes is gathered while one of the member functions waits.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const RunOptions& options);
  ~Process();  // kills what still runs
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Waits until standard output holds `text`; false if the program ended or 60 s passed before.
  bool wait_for_output(const std::string& text);
  bool wait_for_error(const std::string& text);        // the same for standard error
  bool wait_until(const std::function<bool()>& seen);  // the same, for what can be looked at
  // The same, until the file is there and has so many bytes.
  bool wait_for_file(const std::filesystem::path& file, std::uintmax_t bytes);
  // The same, until the program has computed for so long since the call, in its own time.
  bool wait_for_work(int ms);
  void type(const std::string& keys);  // on its terminal
  void signal(int number);
  void close_output();       // the reader goes away
  std::string maps() const;  // its mappings, from /proc; "" once it has ended
  // What it can write to and no file backs; "" where that may not be read, as by anybody but root
  // while the sandbox holds.
  std::string memory() const;
  // Its words as anybody sees them in /proc, each ended by a 0.
  std::string command_line() const;
  RunResult wait();  // at most 120 s, then it is killed

 private:
  bool gather(int timeout_ms);  // false when nothing more can come

  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::string input_;
  bool input_stays_open_ = false;
  RunResult result_;
};

RunResult run(const std::vector<std::string>& arguments, const RunOptions& options = {});

// Of this test process, removed at its end: "cache" in it is that of the programs that it runs.
// Their key is the user's own, so that packed weights beside a model stay usable.
const std::filesystem::path& home();

// What a child process is given: `variables` on top of ours, without MEDGEN_* but MEDGEN_SANDBOX
// (off for a build with a sanitizer that looks for leaks), as NAME=VALUE.
std::vector<std::string> child_environment(std::map<std::string, std::string> variables);
// The same strings as execve() wants them, ended by a null pointer; they must outlive it.
std::vector<char*> pointers(std::vector<std::string>& strings);

}  // namespace medgen::cli_tests
