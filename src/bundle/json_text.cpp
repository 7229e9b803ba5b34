// See the header.
#include "bundle/json_text.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/json.h"
#include "bundle/file_kind.h"
#include "medgen/error.h"

namespace medgen::bundle {

nlohmann::json parse_json_object(std::string_view text, const std::string& source) {
  auto value = base::parse_json<nlohmann::json>(text);
  if (value.is_discarded()) {
    if (const std::string_view kind = other_kind(text); !kind.empty()) {
      throw Error(ErrorCode::kModel, fmt::format("{} is {}", source, kind));
    }
    throw Error(ErrorCode::kModel, fmt::format("{} is {}; get the file again", source,
                                               base::json_fault(text, "not valid JSON")));
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
