// See the header.
#include "bundle/enclosed_file.h"

#include <algorithm>
#include <system_error>

#include "bundle/fail.h"

namespace medgen::bundle {
namespace fs = std::filesystem;
namespace {

// Of two paths without links.
bool lies_in(const fs::path& file, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first ==
         folder.end();
}

}  // namespace

std::optional<fs::path> find_enclosed_file(const fs::path& folder, const std::string& name) {
  std::error_code error;
  const fs::path home = fs::canonical(folder, error);
  if (error) return std::nullopt;
  const fs::path file = fs::canonical(home / name, error);
  if (error || !fs::is_regular_file(file, error)) return std::nullopt;
  const fs::path blobs = home.parent_path().parent_path() / "blobs";
  if (!lies_in(file, home) && file.parent_path() != blobs) {
    fail((folder / name).string() +
         " is a link to a file outside of that folder, which is not copied into a model; links "
         "may lead to other files of the folder, or into the ../../blobs of a Hugging Face cache: "
         "put the file itself there, or remove the link");
  }
  return file;
}

}  // namespace medgen::bundle
