// Files of a checkpoint's folder that are copied as they are. A link among them could name any file
// of the user's, so only those are followed that stay.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace medgen::bundle {

// The file that `folder`/`name` leads to; nothing if that is no regular file. It lies in `folder`,
// or in the `../../blobs` of the Hugging Face cache, where each file of a snapshot is a link.
// Throws Error(kModel) if it lies elsewhere.
std::optional<std::filesystem::path> find_enclosed_file(const std::filesystem::path& folder,
                                                        const std::string& name);

}  // namespace medgen::bundle
