// Parts of medgen that are loaded when first needed.
#include "base/module.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <string>

#include "medgen/error.h"

namespace medgen::base {
namespace {

// The folder of the program or library that this code is part of. The loader's name for the program
// is empty, and what it was called with may be found through PATH.
std::filesystem::path own_folder() {
  Dl_info info{};
  link_map* map = nullptr;
  if (dladdr1(reinterpret_cast<const void*>(&load_module), &info, reinterpret_cast<void**>(&map),
              RTLD_DL_LINKMAP) == 0) {
    return {};
  }
  const std::filesystem::path file = map->l_name;
  if (!file.empty()) return file.parent_path();
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

std::mutex loaded_mutex;
std::set<std::string> loaded;

}  // namespace

bool is_loaded(const std::string& name) {
  const std::lock_guard lock(loaded_mutex);
  return loaded.contains(name);
}

std::filesystem::path installation_folder() {
  std::error_code error;
  std::filesystem::path folder = std::filesystem::canonical(own_folder(), error);
  const std::filesystem::path library = MEDGEN_LIBRARY_FOLDER;
  std::filesystem::path end;  // as many parts as that has
  std::filesystem::path before = folder;
  for (auto part = library.begin(); part != library.end(); ++part) {
    end = end.empty() ? before.filename() : before.filename() / end;
    before = before.parent_path();
  }
  return end == library ? before : folder.parent_path();
}

std::vector<std::filesystem::path> module_places(const char* name) {
  const std::filesystem::path folder = own_folder();
  // A build folder; the folder of an installed library; the folder of an installed program.
  return {folder / name, folder / "medgen" / name,
          folder / ".." / MEDGEN_LIBRARY_FOLDER / "medgen" / name};
}

void* load_module(const char* name, const char* entry, const char* remedy) {
  std::string tried;
  for (const auto& path : module_places(name)) {
    if (void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (void* function = dlsym(module, entry)) {
        const std::lock_guard lock(loaded_mutex);
        loaded.insert(name);
        return function;
      }
    }
    const char* reason = dlerror();
    tried += std::string("\n  ") + (reason == nullptr ? path.string() : reason);
  }
  throw Error(ErrorCode::kRuntime, std::string("medgen's module ") + name + " cannot be loaded; " +
                                       remedy + ". Tried:" + tried);
}

}  // namespace medgen::base
