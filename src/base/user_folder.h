// Where this user's own files of medgen are: the key, the cache.
#pragma once

#include <filesystem>

namespace medgen::base {

enum class UserFolder {
  kConfig,  // $XDG_CONFIG_HOME/medgen, else ~/.config/medgen
  kCache,   // $XDG_CACHE_HOME/medgen, else ~/.cache/medgen
};

// Makes the folder if there is none; whoever opens a file in it says why that failed. Empty if the
// environment names no absolute path.
std::filesystem::path user_folder(UserFolder which);

}  // namespace medgen::base
