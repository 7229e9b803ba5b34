// JSON objects from untrusted text, with errors that name where the text came from. Internal
// to this room: JSON types stay out of every public header.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace medgen::bundle {

// Throws Error(kModel) if `text` is not one JSON object.
nlohmann::json parse_json_object(std::string_view text, const std::string& source);

// The same for a file of at most 64 MiB.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace medgen::bundle
