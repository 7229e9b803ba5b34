// The one exception type of medgen. Its code determines a program's exit status.
// The library never prints and never exits; callers catch this and decide.
#pragma once

#include <stdexcept>
#include <string>

#include "medgen/export.h"

namespace medgen {

enum class ErrorCode {
  kRuntime = 1,  // something failed while running: I/O, memory, a full disk
  kUsage = 2,    // the caller asked for something not allowed
  kModel = 3,    // an unusable model, bundle or tokenizer
};

// A message says what happened, the value, what is allowed and what to do. It never quotes a prompt
// or generated text.
class MEDGEN_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }
  int exit_status() const { return static_cast<int>(code_); }

 private:
  ErrorCode code_;
};

}  // namespace medgen
