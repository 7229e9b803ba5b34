// What stands between the bytes of a file and its lines: the encoding, and line ends of another
// age.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_reader.h"

namespace medgen::base {

enum class Encoding { kUtf8, kUtf16, kWindows1252, kLatin1 };

inline constexpr const char* kEncodingNames[] = {"utf-8", "utf-16", "windows-1252", "latin-1"};
inline const char* name_of(Encoding encoding) { return kEncodingNames[static_cast<int>(encoding)]; }
std::optional<Encoding> encoding_named(std::string_view name);

// The same text in UTF-8. What the encoding does not define becomes the byte FF, which no UTF-8
// has, so that whoever checks a row finds it there. UTF-16 needs its mark at the beginning: without
// it Error(kUsage) is thrown, with `name`. UTF-8 is passed on unread.
Blocks decoded(Blocks blocks, Encoding encoding, std::string name);

// The one way into files of rows, records, references and settings: decompressed by their name,
// without a byte order mark.
Blocks text_file_blocks(const std::filesystem::path& path, ErrorCode code = ErrorCode::kRuntime);
// The same as a whole. Throws Error(code) beyond `max_bytes`, in no more memory than that.
std::string read_text_file(const std::filesystem::path& path, std::uint64_t max_bytes,
                           ErrorCode code = ErrorCode::kRuntime);

// A line that holds nothing; whoever passes over blank lines passes over these.
inline bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// What was read ahead, and then the rest.
Blocks with_beginning(std::string beginning, Blocks rest);

// Whether its line ends are those of old Macs, a carriage return alone, as far as it goes.
bool ends_lines_in_cr(std::string_view beginning);
// Carriage returns as line feeds; one before a line feed is dropped.
Blocks cr_as_lf(Blocks blocks);

}  // namespace medgen::base
