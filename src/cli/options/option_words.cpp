// See option_words.h. A process runs one command, so what its command line said is kept once.
#include "cli/options/option_words.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace medgen::cli {
namespace {

// Messages can come from any thread.
struct KnownOptions {
  std::mutex mutex;
  std::set<std::string, std::less<>> options, with_value;
  std::map<std::string, std::string, std::less<>> places;
  std::function<void()> declare_all;
};

KnownOptions& known_options() {
  static KnownOptions known;
  return known;
}

bool is_remembered(std::string_view option) {
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  return known.options.contains(option);
}

void remember_those_of_all_commands() {
  KnownOptions& known = known_options();
  std::function<void()> declare_all;
  {
    const std::lock_guard lock(known.mutex);
    std::swap(declare_all, known.declare_all);
  }
  if (declare_all) declare_all();
}

// "top_k" -> "--top-k"; empty where it cannot be the name of a setting.
std::string option_of(std::string_view name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_0123456789";
  if (name.empty() || name.find_first_not_of(letters) != std::string_view::npos) return "";
  std::string option = "--" + std::string(name);
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

}  // namespace

std::string with_flags(std::string_view text,
                       const std::function<bool(std::string_view option)>& is_option) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find('`', at);
    const std::size_t close = open == std::string_view::npos ? open : text.find('`', open + 1);
    if (close == std::string_view::npos) return out.append(text.substr(at));
    const std::string option = option_of(text.substr(open + 1, close - open - 1));
    out += text.substr(at, open - at);
    if (!option.empty() && is_option(option)) {
      out += option;
      at = close + 1;
    } else {  // the second backtick may be the first of another pair
      out += text.substr(open, close - open);
      at = close;
    }
  }
  return out;
}

std::string with_flags(std::string_view text) { return with_flags(text, is_option); }

bool is_option(std::string_view option) {
  if (is_remembered(option)) return true;
  remember_those_of_all_commands();
  return is_remembered(option);
}

bool option_takes_value(std::string_view option) {
  remember_those_of_all_commands();
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  return known.with_value.contains(option);
}

std::vector<std::string> all_options() {
  remember_those_of_all_commands();
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  return {known.options.begin(), known.options.end()};
}

std::string message_of(const Error& error) {
  const auto* bad_setting = dynamic_cast<const SettingError*>(&error);
  if (bad_setting == nullptr) return error.what();
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  const auto place = known.places.find(option_of(bad_setting->setting()));
  return place == known.places.end() ? error.what() : place->second + bad_setting->problem();
}

void remember_options(const std::vector<std::string>& options,
                      const std::vector<std::string>& with_value) {
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  known.options.insert(options.begin(), options.end());
  known.with_value.insert(with_value.begin(), with_value.end());
}

void remember_place(const std::string& option, const std::string& place) {
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  known.places[option] = place;
}

void set_declare_all(std::function<void()> declare_all) {
  KnownOptions& known = known_options();
  const std::lock_guard lock(known.mutex);
  known.declare_all = std::move(declare_all);
}

}  // namespace medgen::cli
