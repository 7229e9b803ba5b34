// The one exception type of medgen. Its code determines a program's exit status.
// The library never prints and never exits; callers catch this and decide.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "medgen/export.h"

namespace medgen {

enum class ErrorCode {
  kRuntime = 1,  // something failed while running: I/O, memory, a full disk
  kUsage = 2,    // the caller asked for something not allowed
  kModel = 3,    // an unusable model, bundle or tokenizer
};

// A message says what happened, the value, what is allowed and what to do. It never quotes a prompt
// or generated text. Where it tells what to set, it gives the name of the setting in backticks, as
// in "set `max_new_tokens`", which a program can turn into what its users know it by.
class MEDGEN_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }
  int exit_status() const { return static_cast<int>(code_); }

 private:
  ErrorCode code_;
};

// A setting has a value that is not allowed. what() is `label`, which is the setting's name as the
// caller gave it, and then `problem`; a program that knows where the value came from can put that
// in place of the label.
class MEDGEN_API SettingError : public Error {
 public:
  struct Details {
    std::string setting;  // its name in the API, such as "top_p"
    std::string value;    // a number, a word or the kind of value; never a prompt or free text
    std::string range;    // what is allowed, such as "above 0 and at most 1"
    std::string problem;  // " is 2; it must be above 0 and at most 1: 1 turns it off"
  };

  SettingError(const std::string& label, Details details)
      : Error(ErrorCode::kUsage, label + details.problem),
        details_(std::make_shared<const Details>(std::move(details))) {}

  const std::string& setting() const { return details_->setting; }
  const std::string& value() const { return details_->value; }
  const std::string& range() const { return details_->range; }
  const std::string& problem() const { return details_->problem; }

 private:
  std::shared_ptr<const Details> details_;  // shared, so that copying an exception cannot throw
};

}  // namespace medgen
