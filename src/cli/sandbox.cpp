// See the header.
#include "cli/sandbox.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "base/module.h"
#include "base/new_file.h"
#include "base/user_folder.h"
#include "batch/journal.h"
#include "batch/retry.h"
#include "cli/output.h"
#include "jobs/model_files.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace fs = std::filesystem;
namespace {

using safety::Rule;
using safety::Use;

// What is read beside a lone file that is named.
constexpr std::array kBesideAModelFile = {
    "config.json",   "generation_config.json",  "templates.json",    "MODEL_CARD.md",
    "README.md",     "tokenizer.model",         "tokenizer.json",    "vocab.json",
    "merges.txt",    "tokenizer_config.json",   "added_tokens.json", "probe.txt",
    "manifest.json", "special_tokens_map.json", "spiece.model",
};

// libtorch's first.
constexpr std::array kModules = {"libmedgen_torch.so", "libmedgen_sentencepiece.so"};

constexpr std::array kReadBySystem = {"/usr/lib",
                                      "/usr/lib32",
                                      "/usr/lib64",
                                      "/usr/local/lib",
                                      "/lib",
                                      "/lib64",
                                      "/usr/share/locale",
                                      "/usr/share/zoneinfo",
                                      "/etc/ld.so.cache",
                                      "/etc/localtime",
                                      "/etc/ssl/openssl.cnf",
                                      "/proc/self",
                                      "/proc/meminfo",
                                      "/proc/cpuinfo",
                                      "/proc/stat",
                                      "/proc/sys/vm",
                                      "/sys/devices/system",
                                      "/sys/kernel/mm/transparent_hugepage",
                                      "/dev/urandom",
                                      "/dev/random",
                                      "/dev/zero"};

// Where descriptions of terminals lie.
constexpr std::array kTerminals = {"/usr/share/terminfo", "/lib/terminfo", "/etc/terminfo"};

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Where `path` leads, though it may not be there yet.
fs::path real(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(base::behind_links(path), error);
  const fs::path found = fs::weakly_canonical(whole, error);
  if (error || found.empty()) return whole;
  return found.has_filename() ? found : found.parent_path();  // "out/"
}

// Where a folder that is not there yet will be made.
fs::path nearest_folder(fs::path path) {
  while (!is_folder(path) && path.has_relative_path()) path = path.parent_path();
  return path;
}

// A model's folder may consist of links to where its files are kept.
void add_links(const fs::path& folder, std::vector<Rule>& rules) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_symlink(ignored)) rules.push_back({entry->path(), Use::kRead});
  }
}

void add_input(const fs::path& path, std::vector<Rule>& rules) {
  rules.push_back({path, Use::kRead});
  if (is_folder(path)) {
    add_links(path, rules);
    return;
  }
  if (path.extension() == ".pt" || path.extension() == ".model" || path.extension() == ".json") {
    for (const char* name : kBesideAModelFile)
      rules.push_back({folder_of(path) / name, Use::kRead});
  }
  if (path.extension() != ".pt") rules.push_back({batch::journal_path(path), Use::kRead});
}

void add_packed_weights(const fs::path& model, std::vector<Rule>& rules) {
  if (is_folder(model) && ::access(model.c_str(), W_OK) == 0) rules.push_back({model, Use::kPut});
  const fs::path cache = base::user_folder(base::UserFolder::kCache);
  if (!cache.empty()) rules.push_back({cache, Use::kWork});
  const fs::path key = base::user_folder(base::UserFolder::kConfig);
  if (!key.empty()) rules.push_back({key, Use::kWork});
}

void add_output_file(const fs::path& path, std::vector<Rule>& rules) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status)) {
    rules.push_back({path, Use::kDevice});
    return;
  }
  rules.push_back({folder_of(path), Use::kPut});
  if (const fs::path target = real(path); target != path) {
    rules.push_back({folder_of(target), Use::kPut});
  }
  const fs::path retry = batch::retry_path(path);
  for (const fs::path& file :
       {path, batch::journal_path(path), retry, batch::journal_path(retry)}) {
    if (!is_folder(file)) rules.push_back({file, Use::kRead});
  }
}

void add(const NamedPlace& named, std::vector<Rule>& rules) {
  switch (named.place) {
    case Place::kNone:
      break;
    case Place::kModel:
      add_input(named.path, rules);
      add_packed_weights(named.path, rules);
      break;
    case Place::kInput:
      add_input(named.path, rules);
      break;
    case Place::kOutputFile:
      add_output_file(named.path, rules);
      break;
    case Place::kWorkFolder:
      rules.push_back({nearest_folder(real(named.path)), Use::kWork});
      break;
    case Place::kNewFolder:
      rules.push_back({nearest_folder(folder_of(real(named.path))), Use::kWork});
      break;
  }
}

// medgen's modules, libtorch where it was built with, and what the environment names.
void add_libraries(std::vector<Rule>& rules) {
  for (const char* name : kModules) {
    for (const fs::path& place : base::module_places(name)) rules.push_back({place, Use::kRead});
  }
#ifdef MEDGEN_TORCH_FOLDER
  rules.push_back({MEDGEN_TORCH_FOLDER, Use::kRead});
#endif
  // OpenSSL computes nothing when it may not read its settings.
  if (const char* settings = std::getenv("OPENSSL_CONF")) rules.push_back({settings, Use::kRead});
  const char* variable = std::getenv("LD_LIBRARY_PATH");
  std::istringstream folders(variable == nullptr ? "" : variable);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (!folder.empty()) rules.push_back({folder, Use::kRead});
  }
}

void add_terminals(std::vector<Rule>& rules) {
  for (const char* folder : kTerminals) rules.push_back({folder, Use::kRead});
  if (const char* folder = std::getenv("TERMINFO")) rules.push_back({folder, Use::kRead});
  if (const char* home = std::getenv("HOME"))
    rules.push_back({fs::path(home) / ".terminfo", Use::kRead});
}

bool may_enter = false;
bool all_is_required = false;
safety::Sandbox entered;

std::string list_of(const std::vector<std::string>& missing) {
  std::string list;
  for (const std::string& part : missing) list += (list.empty() ? "" : "; ") + part;
  return list;
}

void require_all() {
  if (entered.missing.empty()) return;
  throw Error(ErrorCode::kRuntime,
              fmt::format("--sandbox is require, but this is missing: {}; --sandbox on runs with "
                          "what there is",
                          list_of(entered.missing)));
}

}  // namespace

std::vector<Rule> rules_of(const std::vector<NamedPlace>& places) {
  std::vector<Rule> rules;
  for (const NamedPlace& named : places) {
    if (!named.path.empty() && named.path != "-") add(named, rules);
  }
  return rules;
}

std::vector<Rule> system_rules() {
  std::vector<Rule> rules;
  for (const char* path : kReadBySystem) rules.push_back({path, Use::kRead});
  rules.push_back({"/dev/null", Use::kDevice});
  add_libraries(rules);
  return rules;
}

void let_commands_enter_the_sandbox() { may_enter = true; }

void enter_sandbox(const SandboxRequest& request) {
  if (!may_enter || request.mode == "off") return;
  std::vector<NamedPlace> places = request.places;
  try {
    places.push_back(
        {jobs::default_model(), request.default_model ? Place::kModel : Place::kInput});
  } catch (const Error&) {
    // There is none; a command that wants it says so.
  }
  safety::Confinement confinement;
  confinement.rules = system_rules();
  const std::vector<Rule> named = rules_of(places);
  confinement.rules.insert(confinement.rules.end(), named.begin(), named.end());
  confinement.graphics_card = request.graphics_card;
  confinement.terminal = request.terminal;
  if (request.terminal) add_terminals(confinement.rules);
  entered = safety::enter_sandbox(confinement);
  all_is_required = request.mode == "require";
  if (all_is_required) require_all();
  if (request.graphics_card || (entered.files && entered.system_calls)) return;
  Messages(request.quiet).note("the sandbox is incomplete on this system: see medgen doctor");
}

void finish_loading(safety::Writes writes) {
  if (base::is_loaded(kModules[0])) return;
  safety::finish_loading(entered, writes);
  if (all_is_required) require_all();
}

const safety::Sandbox& sandbox() { return entered; }

}  // namespace medgen::cli
