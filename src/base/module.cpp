// Parts of medgen that are loaded when first needed.
#include "base/module.h"

#include <dlfcn.h>

#include <filesystem>
#include <string>

#include "medgen/error.h"

namespace medgen {
namespace {

// The folder that libmedgen itself was loaded from.
std::filesystem::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&load_module), &info) == 0) return {};
  return std::filesystem::path(info.dli_fname).parent_path();
}

}  // namespace

void* load_module(const char* name, const char* entry) {
  std::string tried;
  for (const auto& path : {own_folder() / name, own_folder() / "medgen" / name}) {
    if (void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      if (void* function = dlsym(module, entry)) return function;
    }
    const char* reason = dlerror();
    tried += std::string("\n  ") + (reason == nullptr ? path.string() : reason);
  }
  throw Error(ErrorCode::kRuntime,
              std::string("medgen's module ") + name +
                  " cannot be loaded; build or install medgen again. Tried:" + tried);
}

}  // namespace medgen
