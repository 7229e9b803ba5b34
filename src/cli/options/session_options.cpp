// See the header.
#include "cli/options/session_options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/new_file.h"
#include "base/refuse.h"

namespace medgen::cli {
namespace fs = std::filesystem;
namespace {

constexpr double kDefaultMinutes = 10;
constexpr double kMostMinutes = 10080;  // a week

void check_save_folder(const fs::path& folder) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (error || !fs::is_directory(real, error)) {
    base::refuse("`save_folder` names no folder that is there: make it first");
  }
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') {
    const fs::path inner = fs::weakly_canonical(home, error) / "";
    const fs::path outer = real / "";
    if (inner.string().starts_with(outer.string())) {
      base::refuse(
          "`save_folder` is your home folder or holds it, and everything in it could be written "
          "then: give a folder of its own");
    }
  }
  base::require_own_folder(real);
}

}  // namespace

void declare(CommandLine& line, SessionArguments& a) {
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.task);
  declare(line, a.decoding);
  declare(line, a.backend);
  line.number("--clear-after", a.clear_after,
              "Minutes without a key after which texts are forgotten and the screen is cleared; 0 "
              "to 10080, 0 is never. Default: 10.");
  line.text("--save-folder", works_in("DIR"), a.save_folder,
            "Let /save make files in DIR, which is there and is not your home folder. Default: "
            "none, and the session can write no file at all.");
  line.flag("--plain", a.plain,
            "Plain lines, one text after the other, and nothing drawn anew: for screen readers. "
            "Also where TERM is dumb, or standard input or output is no terminal.");
  declare_color(line, a.color, a.no_color);
  line.config_file();
  line.edits_lines([] { return true; });
}

void check(const SessionArguments& a) {
  if (a.clear_after && !(*a.clear_after >= 0 && *a.clear_after <= kMostMinutes)) {
    base::refuse_value("clear-after", fmt::to_string(*a.clear_after), "from 0 to 10080 minutes",
                       "0 is never");
  }
  if (a.save_folder) check_save_folder(*a.save_folder);
  resolve(a.backend);
  check(a.decoding);
}

std::chrono::milliseconds clear_after(const SessionArguments& a) {
  const double minutes = a.clear_after.value_or(kDefaultMinutes);
  const auto rounded = std::chrono::milliseconds(static_cast<std::int64_t>(minutes * 60000));
  return minutes > 0 ? std::max(rounded, std::chrono::milliseconds(1)) : rounded;
}

bool asks_for_session(const GenerateArguments& a) {
  const bool wants_text = a.text || a.prompt_file || a.prompt_ids || a.specials ||
                          a.truncate_prompt || a.json || a.quiet;
  return !wants_text && is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO);
}

SessionArguments session_arguments(const GenerateArguments& a) {
  SessionArguments session;
  session.model = a.model;
  session.tokenizer = a.tokenizer;
  session.color = a.color;
  session.no_color = a.no_color;
  session.backend = a.backend;
  session.decoding = a.decoding;
  session.task = a.task;
  return session;
}

}  // namespace medgen::cli
