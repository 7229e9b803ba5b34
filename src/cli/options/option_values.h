// Values of options that are not numbers; for those see command_line.h.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace medgen::cli {

// true, 1, yes, on and their opposites. Throws Error(kUsage) that names `what`.
bool parse_bool(std::string_view what, std::string_view text);

// Sets the process's umask by --umask. Throws Error(kUsage) that names `what`.
void take_umask(const std::string& what, const std::vector<std::string>& values);

}  // namespace medgen::cli
