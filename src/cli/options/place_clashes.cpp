// See the header.
#include "cli/options/place_clashes.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  if (fs::equivalent(a, b, error)) return fs::is_regular_file(a, error);
  const auto place = [&](const std::string& path) {
    return fs::weakly_canonical(fs::absolute(path, error), error);
  };
  return place(a) == place(b) && !fs::exists(a, error);
}

}  // namespace

std::string clash_of(const std::vector<NamedPlace>& places) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::string output = places[i].path.string();
    if (places[i].place != Place::kOutputFile || output == "-" || output.empty()) continue;
    for (std::size_t j = 0; j < places.size(); ++j) {
      const bool read = places[j].place == Place::kInput || places[j].place == Place::kModel;
      const bool also_written = places[j].place == Place::kOutputFile && j > i;
      if ((!read && !also_written) || !is_same_file(output, places[j].path)) continue;
      return output + (read ? " is both input and output: choose another output"
                            : " is named for two outputs: choose another file for one of them");
    }
  }
  return "";
}

std::string log_file_clash(const std::optional<std::string>& log,
                           const std::vector<NamedPlace>& places) {
  if (!log) return "";
  if (*log == "-") {
    return "--log-file is \"-\", but standard error has the messages anyway: name a file, or leave "
           "it out";
  }
  std::error_code ignored;
  const fs::path folder = fs::weakly_canonical(fs::absolute(*log, ignored), ignored).parent_path();
  for (const NamedPlace& named : places) {
    if (named.place != Place::kModel && named.place != Place::kInput) continue;
    if (!fs::exists(named.path / "config.json", ignored)) continue;
    const fs::path model = fs::canonical(named.path, ignored);
    const auto differs = std::mismatch(model.begin(), model.end(), folder.begin(), folder.end());
    if (differs.first != model.end()) continue;  // it lies elsewhere
    return "--log-file is in the model's folder " + named.path.string() +
           ": name a file somewhere else";
  }
  return "";
}

}  // namespace medgen::cli
