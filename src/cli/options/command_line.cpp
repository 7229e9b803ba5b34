// The only file that includes CLI11. It is asked to sort the command line
// into options and positionals; values are read here, so that command line, environment and
// configuration file share ranks and messages.
#include "cli/options/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/refuse.h"
#include "base/value_shown.h"
#include "cli/arguments.h"
#include "cli/conversion_lines.h"
#include "cli/options/argument_words.h"
#include "cli/options/config_file.h"
#include "cli/options/environment.h"
#include "cli/options/help_text.h"
#include "cli/options/log_options.h"
#include "cli/options/option_values.h"
#include "cli/options/option_words.h"
#include "cli/options/place_clashes.h"
#include "cli/options/show_options.h"
#include "cli/output.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::size_t kHelpWidth = 96;

std::string join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

struct CommandLine::Impl {
  using Values = std::vector<std::string>;
  // `what` is the option as the user knows it from where it was set.
  using Take = std::function<void(const std::string& what, const Values& values)>;

  struct Setting : OptionShape {
    CLI::Option* option = nullptr;
    Take take = {};
    bool set = false;
    Values values = {};     // those that were taken
    std::string from = {};  // where they were set

    KnownOption known() const {
      return {name, letter, !flag, metavar == "N" || metavar == "NUMBER"};
    }
    // Its words may say something about a patient.
    bool is_free_text() const {
      return place == Place::kNone && (positional || metavar == "TEXT" || metavar == "JSON");
    }
  };

  Impl(const std::string& text, const std::string& name)
      : app(wrap(text, kHelpWidth), name), command(name), description(text) {}

  Setting& add(const std::string& names, const Metavar& metavar, const std::string& help, Take take,
               bool many = false) {
    OptionShape shape = option_shape(names, metavar, help);
    shape.many = many;
    CLI::Option* option = app.add_option(
        names, [](const CLI::results_t&) { return true; },
        wrap(help + " [" + environment_name(shape.name) + "]", kHelpWidth - kHelpColumn));
    option->type_name(metavar.name)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    option->expected(1)->allow_extra_args(false);
    return settings.emplace_back(Setting{std::move(shape), option, std::move(take)});
  }

  CLI::Option* add_positional(const Metavar& metavar, bool required, const std::string& help,
                              Take take, bool many) {
    OptionShape shape = positional_shape(metavar, help);
    shape.required = required;
    shape.many = many;
    CLI::Option* option = app.add_option(
        shape.name, [](const CLI::results_t&) { return true; },
        wrap(help, kHelpWidth - kHelpColumn));
    option->type_name("")->expected(1);
    if (required) option->required();
    settings.emplace_back(Setting{std::move(shape), option, std::move(take)});
    return option;
  }

  CommandShape shape() const { return {command, description, {settings.begin(), settings.end()}}; }

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

  std::vector<std::string> names_with_value() const {
    std::vector<std::string> names;
    for (const Setting& setting : settings) {
      if (!setting.positional && !setting.flag) names.push_back(setting.name);
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
      setting->from = place == setting->name ? "the command line" : place;
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
    std::map<std::string, Values> found;
    for (const ConfigItem& item : read_config(config_path)) {
      const std::string name = "--" + item.name;
      const auto setting = std::find_if(settings.begin(), settings.end(), [&](const Setting& s) {
        return s.name == name && name != "--config" && name != "--show-config";
      });
      if (setting == settings.end()) refuse_config_name(config_path, item, long_names());
      const auto earlier = config_lines.find(name);
      if (earlier != config_lines.end() && !setting->many) {
        base::refuse(
            fmt::format("the configuration file {} sets {} twice, in lines {} and {}: it "
                        "takes one value",
                        config_path, item.name, earlier->second, item.line));
      }
      Values values = config_values(item, config_path,
                                    setting->many                ? ConfigKind::kMany
                                    : setting->metavar == "JSON" ? ConfigKind::kJson
                                                                 : ConfigKind::kOne);
      std::move(values.begin(), values.end(), std::back_inserter(found[name]));
      config_lines[name] = item.line;
    }
    return found;
  }

  std::string place_in_config(const Setting& setting) const {
    return fmt::format("{} in {}, line {},", setting.name.substr(2), config_path,
                       config_lines.at(setting.name));
  }

  // Puts the words in order for CLI11, and takes texts out of sight of other users.
  std::vector<std::string> sorted(const std::vector<std::string>& words) {
    std::vector<KnownOption> known = {{"--help", 'h', false, false}};
    for (const Setting& setting : settings) {
      if (!setting.positional) known.push_back(setting.known());
    }
    SortedWords sorted = sort_words(words, known);
    fault = sorted.fault;
    sorted.options.emplace_back("--");
    std::move(sorted.texts.begin(), sorted.texts.end(), std::back_inserter(sorted.options));
    return std::move(sorted.options);
  }

  void hide_texts() const {
    for (const Setting& setting : settings) {
      if (setting.option->count() == 0 || !setting.is_free_text()) continue;
      for (const std::string& value : setting.option->results()) hide_argument(value);
    }
  }

  // All options with their values, for --show-config.
  std::string shown() const {
    std::vector<ShownOption> options;
    for (const Setting& setting : settings) {
      if (setting.positional || setting.name == "--show-config") continue;
      options.push_back({setting.name, setting.help, setting.flag, setting.many, setting.set,
                         setting.values, setting.from});
    }
    return options_shown(options);
  }

  CLI::App app;
  std::string command, description;
  std::vector<Setting> settings;
  std::string config_path;
  std::map<std::string, std::size_t> config_lines;  // the last that sets an option
  std::string fault;                                // of a word that is neither option nor text
  bool show_config = false;
  const bool* quiet = nullptr;  // the target of --quiet, where a command has it
  std::optional<std::string> sandbox;
  std::function<bool()> edits_lines;
};

CommandLine::CommandLine(const std::string& command, const std::string& description)
    : impl_(std::make_unique<Impl>(description, command)) {
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

auto one_word_of(const std::vector<std::string>& allowed) {
  return [allowed](const std::string& what, const std::string& value) {
    if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
      base::refuse(what + " is " + base::word_shown(value, allowed) + ": give one of " +
                   join(allowed));
    }
    return value;
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
  impl_->add(
      names, metavar, help,
      [&target](const std::string&, const Impl::Values& values) { target = values; }, true);
}

void CommandLine::values(const std::string& names, const Metavar& metavar, Take take,
                         const std::string& help, Count count) {
  impl_->add(names, metavar, help, std::move(take), count == Count::kMany);
}

void CommandLine::choice(const std::string& names, const std::vector<std::string>& allowed,
                         std::optional<std::string>& target, const std::string& help) {
  impl_->add(names, only("WORD", allowed), help, take_last(target, one_word_of(allowed)));
}

void CommandLine::flag(const std::string& names, bool& target, const std::string& help) {
  OptionShape shape = option_shape(names, "", help);
  shape.flag = true;
  const std::string description =
      wrap(help + " [" + environment_name(shape.name) + "]", kHelpWidth - kHelpColumn);
  CLI::Option* option = impl_->app.add_flag(names, description);  // const: picks the right overload
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const auto take = [&target](const std::string& what, const Impl::Values& values) {
    target = parse_bool(what, values.empty() ? "true" : values.back());
  };
  if (shape.name == "--quiet") impl_->quiet = &target;
  impl_->settings.emplace_back(Impl::Setting{std::move(shape), option, take});
}

void CommandLine::positional(const Metavar& metavar, std::optional<std::string>& target,
                             bool required, const std::string& help) {
  const auto any = [](std::string_view, const std::string& value) { return value; };
  impl_->add_positional(metavar, required, help,
                        metavar.use == WordUse::kOnly
                            ? take_last(target, one_word_of(metavar.words))
                            : Impl::Take(take_last(target, any)),
                        false);
}

void CommandLine::positionals(const Metavar& metavar,
                              std::optional<std::vector<std::string>>& target, bool required,
                              const std::string& help) {
  const auto take = [&target](const std::string&, const Impl::Values& values) { target = values; };
  impl_->add_positional(metavar, required, help, take, true)
      ->expected(1, 1 << 20)
      ->allow_extra_args()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void CommandLine::exclude(const std::string& first, const std::string& second) {
  impl_->find(first).excludes.push_back(second);
  impl_->find(second).excludes.push_back(first);
}

void CommandLine::edits_lines(std::function<bool()> does) { impl_->edits_lines = std::move(does); }

void CommandLine::config_file() {
  impl_->add(
      "--config", reads("FILE"),
      "Read options from FILE: lines such as top-k = 40 or stop = [\"a\", \"b\"], whose value "
      "is the rest of the line; a line that begins with # is a comment. "
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
  flag("--show-config", impl.show_config,
       "Only print every option with its value and where that comes from.");
  remember_options(impl.long_names(), impl.names_with_value());
  std::vector<std::string> sorted = impl.sorted(arguments);
  std::reverse(sorted.begin(), sorted.end());
  try {
    impl.app.parse(sorted);
  } catch (const CLI::CallForHelp&) {
    throw HelpRequested{impl.app.help(), impl.shape()};
  } catch (const CLI::RequiredError& error) {
    const bool only_shown = impl.find("--show-config").option->count() > 0;
    if (!only_shown || !impl.fault.empty()) {
      base::refuse(impl.fault.empty() ? error.what() : impl.fault);
    }
  } catch (const CLI::ParseError& error) {
    base::refuse(impl.fault.empty() ? error.what() : impl.fault);
  }
  impl.hide_texts();
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
  if (!impl.fault.empty()) base::refuse(impl.fault);
  const std::vector<std::string> extras = impl.app.remaining();
  if (std::any_of(extras.begin(), extras.end(), [](const auto& word) { return word != "--"; })) {
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
  if (impl.show_config) throw HelpRequested{impl.shown()};
  const SandboxRequest request = impl.sandbox_request();
  std::string clash = clash_of(request.places);
  if (clash.empty()) clash = log_file_clash(log.file, request.places);
  if (!clash.empty()) base::refuse(clash);
  start_log(log, impl.quiet != nullptr && *impl.quiet);
  note_unknown_variables(Messages(impl.quiet != nullptr && *impl.quiet));
  enter_sandbox(request);
  show_conversions(impl.quiet != nullptr && *impl.quiet);
}

}  // namespace medgen::cli
