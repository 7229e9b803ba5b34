// Standard output and standard error as the program writes them: nothing is lost in a buffer, a
// full disk is an error, a closed pipe is not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::cli {

// Thrown when the reader of standard output has gone: the program ends quietly.
struct OutputClosed {};

// Collects what is written and hands it to a descriptor. Throws OutputClosed, or Error(kRuntime)
// that says why the system refused.
class Output {
 public:
  explicit Output(int descriptor);
  ~Output();  // drops what was not flushed
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // On a terminal nothing in `text` can control it: see visible().
  void write(std::string_view text);
  // What is fit for a terminal already, with colours.
  void write_as_is(std::string_view text);
  void flush();

 private:
  int descriptor_;
  bool terminal_;
  std::string buffer_;
};

// What the user is told, on standard error and in the log file: see logging.h.
class Messages {
 public:
  explicit Messages(bool quiet = false) : quiet_(quiet) {}

  void note(std::string_view text) const;    // "medgen: text"; when quiet only in a log file
  static void error(std::string_view text);  // "medgen: error: text"
  static void plain(std::string_view text);  // a line as it is

 private:
  bool quiet_;
};

// Each as a note.
void note_all(const std::vector<std::string>& notes, const Messages& messages);

// Opens any closed descriptors among 0 to 2, so that no file of ours can take their place, and
// makes writing to a closed pipe an error that is returned instead of a signal.
void prepare_standard_streams();

}  // namespace medgen::cli
