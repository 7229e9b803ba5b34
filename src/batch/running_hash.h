// SHA-256 of bytes that arrive one after another, whose value can be asked for at any time.
// Knows nothing of what is hashed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace medgen::batch {

class RunningHash {
 public:
  RunningHash();
  ~RunningHash();
  RunningHash(const RunningHash&) = delete;
  RunningHash& operator=(const RunningHash&) = delete;

  void add(std::string_view bytes);
  std::string hex() const;  // of all that was added so far, 64 lower-case digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace medgen::batch
