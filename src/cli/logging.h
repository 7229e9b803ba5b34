// Standard error and the log file: the one place that writes to them. Lines go through spdlog,
// which only logging.cpp includes.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/log.h"

namespace medgen::cli {

struct LogOptions {
  bool debug = false;                              // what the rooms say is shown too
  bool json = false;                               // a JSON object a line
  std::optional<std::filesystem::path> file = {};  // gets every line, with its time
};

// Lines are as `options` say from now on. Throws Error(kUsage) for a file that is no regular file,
// Error(kRuntime) for one that cannot be written. Not while others log.
void start_log(const LogOptions& options);

// What a line of text begins with.
enum class LinePrefix { kProgram, kNone };

enum class Shown { kEverywhere, kInFileOnly };

// A line for the user, or several. Text from files may be in it: nothing in it can control a
// terminal.
void log_line(base::LogLevel level, std::string_view text, LinePrefix prefix = LinePrefix::kProgram,
              Shown shown = Shown::kEverywhere);

bool has_log_file();

// Whether standard error is a terminal whose last line may be written over.
bool can_write_over();

// That line. Whatever is logged in between takes it away first.
void write_over(std::string_view text);
void clear_written_over();
void keep_written_over();  // leaves it and goes to the next

}  // namespace medgen::cli
