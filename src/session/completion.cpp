// What Tab offers.
#include <algorithm>
#include <system_error>

#include "session/session.h"

namespace medgen::session {
namespace {

namespace fs = std::filesystem;

void offer(std::vector<std::string>& words, std::string_view begun, std::string word) {
  if (word.starts_with(begun)) words.push_back(std::move(word));
}

// Settings, tasks or files, after a command that takes one.
void offer_values(std::vector<std::string>& words, std::string_view command, std::string_view begun,
                  const Templates& templates, const fs::path& save_folder) {
  if (command == "/set") {
    for (const engine::SettingInfo& info : engine::setting_infos())
      offer(words, begun, std::string(info.name));
  } else if (command == "/task") {
    for (const auto& [name, form] : templates) offer(words, begun, name);
    offer(words, begun, "off");
  } else if (command == "/save" && !save_folder.empty()) {
    std::error_code error;
    for (fs::directory_iterator file(save_folder, error), end; !error && file != end;
         file.increment(error)) {
      offer(words, begun, file->path().filename().string());
    }
    std::sort(words.begin(), words.end());
  }
}

}  // namespace

terminal::Completions completions(std::string_view before_cursor, const Templates& templates,
                                  const fs::path& save_folder) {
  terminal::Completions found;
  if (!before_cursor.starts_with('/')) return found;
  const std::size_t blank = before_cursor.find(' ');
  if (blank == std::string_view::npos) {
    for (const CommandInfo& info : command_infos())
      offer(found.words, before_cursor, "/" + std::string(info.name));
    return found;
  }
  found.start = blank + 1;
  const std::string_view begun = before_cursor.substr(found.start);
  if (begun.find(' ') != std::string_view::npos) return found;
  offer_values(found.words, before_cursor.substr(0, blank), begun, templates, save_folder);
  return found;
}

}  // namespace medgen::session
