// The secret with which this user's medgen seals files that it reads again, so that nobody else can
// make one.
#pragma once

#include <array>
#include <optional>
#include <string>

namespace medgen::base {

using SecretKey = std::array<unsigned char, 32>;

// From $XDG_CONFIG_HOME/medgen/key, else ~/.config/medgen/key, made when it is first asked for.
// Nothing, with the reason in `why`, if there is no such folder, or if the file is another user's
// or readable by others.
std::optional<SecretKey> user_key(std::string& why);

}  // namespace medgen::base
