#include "base/user_folder.h"

#include <cstdlib>
#include <system_error>

namespace medgen::base {

std::filesystem::path user_folder(UserFolder which) {
  const bool config = which == UserFolder::kConfig;
  std::filesystem::path folder;
  if (const char* xdg = std::getenv(config ? "XDG_CONFIG_HOME" : "XDG_CACHE_HOME");
      xdg != nullptr && *xdg == '/') {
    folder = xdg;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    folder = std::filesystem::path(home) / (config ? ".config" : ".cache");
  } else {
    return {};
  }
  folder /= "medgen";
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  return folder;
}

}  // namespace medgen::base
