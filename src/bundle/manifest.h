// manifest.json: text to and from the struct of medgen/bundle.h. Touches no other file.
#pragma once

#include <string>
#include <string_view>

#include "medgen/bundle.h"

namespace medgen::bundle {

inline constexpr int kBundleFormatVersion = 1;

// `source` names the text in messages. Throws Error(kModel) naming source, key and value.
Manifest parse_manifest(std::string_view text, const std::string& source);

std::string manifest_to_json(const Manifest& manifest);

// Whether `name` is one component that stays in its folder.
bool is_plain_file_name(std::string_view name);

}  // namespace medgen::bundle
