// The line that says how far a command is: on a terminal one line that is written over, elsewhere a
// line now and then, nothing when quiet. A log file has the line now and then in every case.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace medgen::cli {

class Progress {
 public:
  // Shown at most this often; the defaults are for callers that report in small numbers.
  struct Pace {
    std::chrono::milliseconds terminal{0};
    std::chrono::milliseconds elsewhere{30'000};
  };

  explicit Progress(bool quiet) : Progress(quiet, Pace{}) {}
  Progress(bool quiet, Pace pace);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void show(const std::function<std::string()>& text);  // asked for its text only when it is due
  void clear();                                         // takes the terminal's line away
  void keep();                                          // leaves it and goes to the next

 private:
  using Clock = std::chrono::steady_clock;

  bool quiet_, terminal_;
  std::chrono::milliseconds every_, in_file_every_;
  Clock::time_point last_, last_in_file_;
  bool open_ = false;  // the terminal's line is there
};

}  // namespace medgen::cli
