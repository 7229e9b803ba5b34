// With config_file.cpp, the only file that includes CLI11. It is asked to sort the command line
// into options and positionals; values are read here, so that command line, environment and
// configuration file share ranks and messages.
#include "cli/options/command_line.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "base/files.h"
#include "base/refuse.h"
#include "cli/conversion_lines.h"
#include "cli/options/config_file.h"
#include "cli/options/log_options.h"
#include "cli/options/option_words.h"
#include "cli/options/place_clashes.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 96;
constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

template <class T>
T parse_number(std::string_view what, std::string_view text, std::string_view kind) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string given = std::string(what) + " is \"" + std::string(text) + "\"";
  if (error == std::errc::result_out_of_range) {
    base::refuse(given + ", which is out of range: give " + std::string(kind));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    base::refuse(given + ": give " + std::string(kind));
  }
  return value;
}

bool parse_bool(std::string_view what, std::string_view text) {
  static const std::map<std::string_view, bool> kWords = {
      {"true", true},   {"1", true},  {"yes", true}, {"on", true},
      {"false", false}, {"0", false}, {"no", false}, {"off", false}};
  const auto word = kWords.find(text);
  if (word == kWords.end()) {
    base::refuse(std::string(what) + " is \"" + std::string(text) + "\": give true or false");
  }
  return word->second;
}

// Whether a mistyped option may be quoted: prompts that begin with a dash must not.
bool is_option_like(const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  return name.size() > 1 && name[0] == '-' && name.size() < 40 &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '-'; });
}

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

// Breaks lines at blanks so that none is wider than `width`.
std::string wrap(const std::string& text, std::size_t width) {
  std::istringstream words(text);
  std::string out;
  std::size_t column = 0;
  for (std::string word; words >> word; column += word.size()) {
    if (column > 0 && column + 1 + word.size() > width) {
      out += '\n';
      column = 0;
    } else if (column > 0) {
      out += ' ';
      ++column;
    }
    out += word;
  }
  return out;
}

void take_umask(const std::string& what, const std::vector<std::string>& values) {
  const std::string text = values.empty() ? std::string() : values.back();
  unsigned mask = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, 8);
  if (error != std::errc() || end != text.data() + text.size() || mask > 0777) {
    base::refuse(what + " is \"" + text + "\": give three octal digits, such as 022 or 077");
  }
  ::umask(mask);
}

bool sounds_like_place(const std::string& metavar) {
  for (const char* word : {"FILE", "DIR", "FOLDER", "PATH", "PLACE"}) {
    if (metavar.find(word) != std::string::npos) return true;
  }
  return false;
}

// A mistake in medgen, which the first test of the command meets.
[[noreturn]] void fail_undeclared(const std::string& name) {
  throw std::logic_error(name + " names a place: declare what is done with it (reads(), ...)");
}

constexpr const char* kFooter =
    "Every option can also be set by the environment variable in square brackets; an option on "
    "the\n"
    "command line wins. Put -- before a TEXT that begins with a dash.\n\n"
    "Exit status: 0 success, 1 runtime failure, 2 wrong usage, 3 unusable model or tokenizer,\n"
    "130 interrupted. When the reader of standard output goes away, medgen ends quietly with 0.";

}  // namespace

float parse_float(std::string_view what, std::string_view text) {
  return parse_number<float>(what, text, "a number, such as 0.7");
}
double parse_double(std::string_view what, std::string_view text) {
  return parse_number<double>(what, text, "a number, such as 0.7");
}
int parse_int(std::string_view what, std::string_view text) {
  return parse_number<int>(what, text, "a whole number up to 2147483647");
}
std::int64_t parse_int64(std::string_view what, std::string_view text) {
  return parse_number<std::int64_t>(what, text, "a whole number");
}
std::uint64_t parse_uint64(std::string_view what, std::string_view text) {
  return parse_number<std::uint64_t>(what, text, "a whole number from 0 to 18446744073709551615");
}

std::string environment_name(std::string_view long_name) {
  std::string name = "MEDGEN_";
  for (const char c : long_name.substr(long_name.find_first_not_of('-'))) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

struct CommandLine::Impl {
  using Values = std::vector<std::string>;
  // `what` is the option as the user knows it from where it was set.
  using Take = std::function<void(const std::string& what, const Values& values)>;

  struct Setting {
    CLI::Option* option = nullptr;
    std::string name;  // "--top-k", or "text" for a positional
    bool positional = false;
    bool flag = false;
    Take take;
    bool set = false;
    std::vector<std::string> excludes;
    Place place = Place::kNone;
    Values values = {};  // those that were taken
  };

  explicit Impl(const std::string& description, const std::string& command)
      : app(description, command) {}

  Setting& add(const std::string& names, const Metavar& metavar, const std::string& help,
               Take take) {
    const std::string name = names.substr(names.rfind("--"));
    if (metavar.place == Place::kNone && sounds_like_place(metavar.name)) fail_undeclared(name);
    CLI::Option* option = app.add_option(
        names, [](const CLI::results_t&) { return true; },
        wrap(help + " [" + environment_name(name) + "]", kHelpWidth - kHelpColumn));
    option->type_name(metavar.name)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    option->expected(1)->allow_extra_args(false);
    settings.push_back({option, name, false, false, std::move(take), false, {}, metavar.place});
    return settings.back();
  }

  Setting& find(const std::string& name) {
    for (Setting& setting : settings) {
      if (setting.name == name) return setting;
    }
    throw std::logic_error("no such option: " + name);
  }

  std::vector<std::string> long_names() const {
    std::vector<std::string> names;
    for (const Setting& setting : settings) {
      if (!setting.positional) names.push_back(setting.name);
    }
    return names;
  }

  // Reads a source: its value for each setting that no higher source has set.
  void apply(const std::map<std::string, Values>& found,
             const std::function<std::string(const Setting&)>& label) {
    std::vector<Setting*> taken;
    for (Setting& setting : settings) {
      const bool ruled_out = std::any_of(setting.excludes.begin(), setting.excludes.end(),
                                         [&](const std::string& other) { return find(other).set; });
      if (found.contains(setting.name) && !setting.set && !ruled_out) taken.push_back(&setting);
    }
    for (Setting* setting : taken) {
      for (const std::string& other : setting->excludes) {
        if (found.contains(other)) {
          base::refuse(label(*setting) + " and " + label(find(other)) +
                       " cannot be combined: give one of them");
        }
      }
    }
    for (Setting* setting : taken) {
      const std::string place = label(*setting);
      setting->take(place, found.at(setting->name));
      setting->set = true;
      setting->values = found.at(setting->name);
      if (place != setting->name) remember_place(setting->name, place);
    }
  }

  std::vector<NamedPlace> places_of(const std::map<std::string, Values>& found) const {
    std::vector<NamedPlace> places;
    for (const Setting& setting : settings) {
      const auto values = found.find(setting.name);
      if (setting.place == Place::kNone || values == found.end()) continue;
      for (const std::string& value : values->second) places.push_back({value, setting.place});
    }
    return places;
  }

  SandboxRequest sandbox_request() const {
    SandboxRequest request;
    request.mode = sandbox.value_or("on");
    request.terminal = edits_lines && edits_lines();
    for (const Setting& setting : settings) {
      for (const std::string& value : setting.values) {
        if (setting.place != Place::kNone) request.places.push_back({value, setting.place});
      }
      if (setting.place == Place::kModel && !setting.set) request.default_model = true;
      if (!setting.set || setting.values.empty()) continue;
      const std::string& last = setting.values.back();
      if (setting.name == "--device") request.graphics_card = last == "cuda";
      if (setting.name == "--quiet") request.quiet = parse_bool(setting.name, last);
    }
    return request;
  }

  std::map<std::string, Values> from_command_line() const {
    std::map<std::string, Values> found;
    for (const Setting& setting : settings) {
      if (setting.option->count() > 0) found[setting.name] = setting.option->results();
    }
    return found;
  }

  std::map<std::string, Values> from_environment() const {
    std::map<std::string, Values> found;
    for (const Setting& setting : settings) {
      if (setting.positional) continue;
      const char* value = std::getenv(environment_name(setting.name).c_str());
      if (value != nullptr && *value != '\0') found[setting.name] = {value};
    }
    return found;
  }

  // The last value of an option before the sources are read, and whatever else may be wrong.
  std::optional<std::string> early(const std::string& name) {
    for (const auto& found : {from_command_line(), from_environment()}) {
      const auto value = found.find(name);
      if (value != found.end() && !value->second.empty()) return value->second.back();
    }
    return std::nullopt;
  }

  std::map<std::string, Values> from_config_file() {
    config = base::read_file(config_path, kMaxConfigBytes, ErrorCode::kUsage);
    std::map<std::string, Values> found;
    for (const ConfigItem& item : parse_config(config, config_path)) {
      const std::string name = "--" + item.name;
      const bool known = name != "--config" &&
                         std::any_of(settings.begin(), settings.end(), [&](const Setting& setting) {
                           return setting.name == name && !setting.positional;
                         });
      if (!known) refuse_config_name(config_path, item.name);
      found[name] = item.values;
      ++times_in_config[item.name];
    }
    return found;
  }

  std::string place_in_config(const Setting& setting) const {
    const std::string name = setting.name.substr(2);
    const std::size_t line = line_that_sets(name, times_in_config.at(name), config);
    return fmt::format("{} in {}", name, config_path) +
           (line == 0 ? "" : fmt::format(", line {},", line));
  }

  CLI::App app;
  std::vector<Setting> settings;
  std::string config_path;
  std::string config;  // what is in that file
  std::map<std::string, std::size_t> times_in_config;
  const bool* quiet = nullptr;  // the target of --quiet, where a command has it
  std::optional<std::string> sandbox;
  std::function<bool()> edits_lines;
};

CommandLine::CommandLine(const std::string& command, const std::string& description)
    : impl_(std::make_unique<Impl>(wrap(description, kHelpWidth), command)) {
  impl_->app.get_formatter()->column_width(kHelpColumn);
  impl_->app.footer(kFooter);
  impl_->app.allow_extras();
  impl_->app.set_help_flag("-h,--help", "Print this help and exit");
}

CommandLine::~CommandLine() = default;

namespace {
// The last of several values counts, as with most programs.
template <class T, class Parse>
auto take_last(std::optional<T>& target, Parse parse) {
  return [&target, parse](const std::string& what, const std::vector<std::string>& values) {
    target = parse(what, values.empty() ? std::string() : values.back());
  };
}
}  // namespace

void CommandLine::number(const std::string& names, std::optional<float>& target,
                         const std::string& help) {
  impl_->add(names, "NUMBER", help, take_last(target, parse_float));
}
void CommandLine::number(const std::string& names, std::optional<double>& target,
                         const std::string& help) {
  impl_->add(names, "NUMBER", help, take_last(target, parse_double));
}
void CommandLine::number(const std::string& names, std::optional<int>& target,
                         const std::string& help) {
  impl_->add(names, "N", help, take_last(target, parse_int));
}
void CommandLine::number(const std::string& names, std::optional<std::int64_t>& target,
                         const std::string& help) {
  impl_->add(names, "N", help, take_last(target, parse_int64));
}
void CommandLine::number(const std::string& names, std::optional<std::uint64_t>& target,
                         const std::string& help) {
  impl_->add(names, "N", help, take_last(target, parse_uint64));
}

void CommandLine::text(const std::string& names, const Metavar& metavar,
                       std::optional<std::string>& target, const std::string& help) {
  impl_->add(names, metavar, help,
             take_last(target, [](std::string_view, const std::string& value) { return value; }));
}

void CommandLine::texts(const std::string& names, const Metavar& metavar,
                        std::optional<std::vector<std::string>>& target, const std::string& help) {
  impl_->add(names, metavar, help,
             [&target](const std::string&, const Impl::Values& values) { target = values; });
}

void CommandLine::values(const std::string& names, const Metavar& metavar, Take take,
                         const std::string& help) {
  impl_->add(names, metavar, help, std::move(take));
}

void CommandLine::choice(const std::string& names, const std::vector<std::string>& allowed,
                         std::optional<std::string>& target, const std::string& help) {
  impl_->add(names, "WORD", help,
             take_last(target, [allowed](const std::string& what, const std::string& value) {
               if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
                 base::refuse(what + " is \"" + value + "\": give one of " + join(allowed));
               }
               return value;
             }));
}

void CommandLine::flag(const std::string& names, bool& target, const std::string& help) {
  const std::string name = names.substr(names.rfind("--"));
  const std::string description =
      wrap(help + " [" + environment_name(name) + "]", kHelpWidth - kHelpColumn);
  CLI::Option* option = impl_->app.add_flag(names, description);  // const: picks the right overload
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const auto take = [&target](const std::string& what, const Impl::Values& values) {
    target = parse_bool(what, values.empty() ? "true" : values.back());
  };
  impl_->settings.push_back({option, name, false, true, take, false, {}});
  if (name == "--quiet") impl_->quiet = &target;
}

void CommandLine::positional(const Metavar& metavar, std::optional<std::string>& target,
                             bool required, const std::string& help) {
  const std::string& name = metavar.name;
  if (metavar.place == Place::kNone && name != "TEXT") fail_undeclared(name);
  CLI::Option* option = impl_->app.add_option(
      name, [](const CLI::results_t&) { return true; }, wrap(help, kHelpWidth - kHelpColumn));
  option->type_name("")->expected(1);
  if (required) option->required();
  impl_->settings.push_back(
      {option,
       name,
       true,
       false,
       take_last(target, [](std::string_view, const std::string& value) { return value; }),
       false,
       {},
       metavar.place});
}

void CommandLine::positionals(const Metavar& metavar,
                              std::optional<std::vector<std::string>>& target, bool required,
                              const std::string& help) {
  const std::string& name = metavar.name;
  if (metavar.place == Place::kNone && name != "TEXT") fail_undeclared(name);
  CLI::Option* option = impl_->app.add_option(
      name, [](const CLI::results_t&) { return true; }, wrap(help, kHelpWidth - kHelpColumn));
  option->type_name("")
      ->expected(1, 1 << 20)
      ->allow_extra_args()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  if (required) option->required();
  const auto take = [&target](const std::string&, const Impl::Values& values) { target = values; };
  impl_->settings.push_back({option, name, true, false, take, false, {}, metavar.place});
}

void CommandLine::exclude(const std::string& first, const std::string& second) {
  impl_->find(first).excludes.push_back(second);
  impl_->find(second).excludes.push_back(first);
}

void CommandLine::edits_lines(std::function<bool()> does) { impl_->edits_lines = std::move(does); }

void CommandLine::config_file() {
  impl_->add("--config", reads("FILE"),
             "Read options from FILE: lines such as top-k = 40 or stop = [\"a\", \"b\"]; # begins "
             "a comment. "
             "Environment variables and the command line win over it.",
             [this](const std::string&, const Impl::Values& values) {
               impl_->config_path = values.back();
             });
}

void CommandLine::parse(const std::vector<std::string>& arguments) {
  Impl& impl = *impl_;
  LogArguments log;
  declare(*this, log);
  if (impl.quiet != nullptr) exclude("--quiet", "--verbose");
  const char* variable = std::getenv("MEDGEN_PARSE_ONLY");
  const bool parse_only = variable != nullptr && std::string_view(variable) == "1";
  values("--umask", "OCTAL", take_umask,
         "Rights that new files and folders lack, as the shell's umask has them: with 022 others "
         "may read them. "
         "Default: 077, for the user alone.");
  choice("--sandbox", {"on", "off", "require"}, impl.sandbox,
         "Keep medgen from everything but its inputs and outputs: on, as far as the system can; "
         "require, or not run; off. `medgen doctor` says what holds. Default: on.");
  remember_options(impl.long_names());
  try {
    impl.app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    throw HelpRequested{impl.app.help()};
  } catch (const CLI::ParseError& error) {
    base::refuse(error.what());
  }
  // What is refused from here on is reported as the user asked.
  if (!parse_only) {
    auto found = impl.from_command_line();
    found.merge(impl.from_environment());
    std::string clash = clash_of(impl.places_of(found));
    auto file = impl.early("--log-file");
    if (clash.empty()) clash = log_file_clash(file, impl.places_of(found));
    if (!clash.empty()) file = std::nullopt;
    start_log({.file = file, .format = impl.early("--log-format")}, false);
    if (!clash.empty()) base::refuse(clash);
  }
  for (const std::string& extra : impl.app.remaining()) {
    if (extra == "--") continue;
    if (is_option_like(extra)) base::refuse("unknown option " + extra.substr(0, extra.find('=')));
    if (extra.starts_with('-')) base::refuse("a text that begins with a dash needs -- before it");
    base::refuse("more arguments than this command takes: put quotes around a text with spaces");
  }
  impl.apply(impl.from_command_line(), [](const Impl::Setting& setting) { return setting.name; });
  impl.apply(impl.from_environment(), [](const Impl::Setting& setting) {
    return "the environment variable " + environment_name(setting.name);
  });
  if (parse_only) throw ParsedOnly{};
  if (!impl.config_path.empty()) {
    impl.apply(impl.from_config_file(),
               [&](const Impl::Setting& setting) { return impl.place_in_config(setting); });
  }
  const SandboxRequest request = impl.sandbox_request();
  std::string clash = clash_of(request.places);
  if (clash.empty()) clash = log_file_clash(log.file, request.places);
  if (!clash.empty()) base::refuse(clash);
  start_log(log, impl.quiet != nullptr && *impl.quiet);
  enter_sandbox(request);
  show_conversions(impl.quiet != nullptr && *impl.quiet);
}

}  // namespace medgen::cli
