// An input as a file, for readers that take nothing else. Made in memory once and written over from
// then on, since making files costs more than most readers do.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace medgen::fuzz {

// A folder of this process.
class InputFolder {
 public:
  explicit InputFolder(const std::string& name)
      : path_(
            (std::filesystem::exists("/dev/shm") ? "/dev/shm/medgen-fuzz-" : "/tmp/medgen-fuzz-") +
            std::to_string(::getpid()) + "-" + name) {
    std::filesystem::create_directories(path_);
  }
  InputFolder(const InputFolder&) = delete;
  InputFolder& operator=(const InputFolder&) = delete;
  ~InputFolder() {
    for (const auto& [name, descriptor] : files_) ::close(descriptor);
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, std::string_view data) {
    const std::filesystem::path file = path_ / name;
    auto place = files_.find(name);
    if (place == files_.end()) {
      const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (descriptor < 0) std::abort();
      place = files_.emplace(name, descriptor).first;
    }
    const int descriptor = place->second;
    if (::ftruncate(descriptor, static_cast<off_t>(data.size())) != 0) std::abort();
    if (::pwrite(descriptor, data.data(), data.size(), 0) != static_cast<ssize_t>(data.size())) {
      std::abort();
    }
    return file;
  }

 private:
  std::filesystem::path path_;
  std::map<std::string, int> files_;
};

}  // namespace medgen::fuzz
