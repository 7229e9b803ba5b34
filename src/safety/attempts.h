// What a sandbox must forbid, tried.
#pragma once

#include <string>
#include <vector>

namespace medgen::safety {

// Which part of the sandbox forbids an attempt.
enum class Keeper { kSystemCalls, kFiles, kEither, kCode };

struct Attempt {
  std::string what;  // "open a socket"
  Keeper keeper = Keeper::kEither;
  int error = 0;  // errno; 0 if it succeeded
};

// Tries them all; leaves nothing behind. For a process with one thread.
std::vector<Attempt> try_what_is_forbidden();

// Whether the system forbade it, and it did not fail for some other reason.
bool was_denied(const Attempt& attempt);

}  // namespace medgen::safety
