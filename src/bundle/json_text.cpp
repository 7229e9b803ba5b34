// See the header.
#include "bundle/json_text.h"

#include "base/files.h"
#include "medgen/error.h"

namespace medgen::bundle {

nlohmann::json parse_json_object(std::string_view text, const std::string& source) {
  nlohmann::json value;
  try {
    value = nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    // The library's own text quotes the file's bytes; the position is enough.
    throw Error(ErrorCode::kModel, source + " is not valid JSON (near byte " +
                                       std::to_string(error.byte) + " of " +
                                       std::to_string(text.size()) + "); get the file again");
  }
  if (!value.is_object()) {
    throw Error(ErrorCode::kModel,
                source + " holds a JSON " + value.type_name() + "; an object {...} is expected");
  }
  return value;
}

nlohmann::json read_json_object(const std::filesystem::path& path) {
  constexpr std::uint64_t kMaxBytes = 64U << 20U;
  return parse_json_object(base::read_file(path, kMaxBytes, ErrorCode::kModel), path.string());
}

}  // namespace medgen::bundle
