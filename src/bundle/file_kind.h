// What a file is that was taken for another kind: told by how it begins.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace medgen::bundle {

// What `bytes`, a file's or its first, are and what to do about it, to follow "it is": a Git LFS
// pointer, a web page, another format of weights, text of another encoding. Empty if nothing is
// known of them.
std::string_view other_kind(std::string_view bytes);

// The first bytes of a file, enough for other_kind(); fewer if it is shorter or cannot be read.
std::string beginning_of(const std::filesystem::path& file);

}  // namespace medgen::bundle
