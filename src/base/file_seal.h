// A keyed seal over a part of a file: only who has the key can make one that fits. Reading at the
// speed of memory matters here, so it is Poly1305 (RFC 8439) over pieces, each with a key of its
// own, and HMAC-SHA256 over their tags.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/user_key.h"

namespace medgen::base {

using SealSalt = std::array<unsigned char, 32>;  // random, new for each file
using Seal = std::array<unsigned char, 32>;

// Never used for two contents: a salt must be new.
SealSalt new_seal_salt();

// Of `header` and `bytes` bytes of the file from `start` on; nothing if they cannot be read. Uses
// this process's cores. Through small buffers, because pages that are read through a mapping stay
// in the process's memory.
std::optional<Seal> seal_file(int descriptor, std::uint64_t start, std::uint64_t bytes,
                              std::string_view header, const SecretKey& key, const SealSalt& salt);

// In a time that does not depend on where they differ.
bool same_seal(const Seal& a, const Seal& b);

}  // namespace medgen::base
