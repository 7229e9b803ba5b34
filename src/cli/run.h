// The program from its arguments to its exit status: picks the command and turns errors into
// messages.
#pragma once

namespace medgen::cli {

inline constexpr int kExitFine = 0;
inline constexpr int kExitSomeFailed = 4;     // of many, as `batch` says
inline constexpr int kExitInterrupted = 130;  // 1, 2 and 3 are Error::exit_status()

int run(int argc, char** argv);

}  // namespace medgen::cli
