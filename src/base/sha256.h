// SHA-256, as lower-case hexadecimal.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "medgen/error.h"

namespace medgen::base {

// The hash of a stream of bytes; its value can be read at any time.
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

std::string sha256(std::string_view bytes);

// Of a regular file's content, whatever its size. Throws Error(code) if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path, ErrorCode code = ErrorCode::kRuntime);

}  // namespace medgen::base
