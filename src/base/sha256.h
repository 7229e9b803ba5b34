// SHA-256 of bytes and of files, as lower-case hexadecimal. Knows nothing of what is hashed.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "medgen/error.h"

namespace medgen {

std::string sha256(std::string_view bytes);

// Of a regular file's content, whatever its size. Throws Error(code) if it cannot be read.
std::string sha256_of_file(const std::filesystem::path& path, ErrorCode code = ErrorCode::kRuntime);

}  // namespace medgen
