// Parts of medgen that are loaded when first needed, because their libraries are slow to start or
// clash in one namespace.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace medgen::base {

// The function called `entry` in the module file `name`, which lies beside libmedgen (a build
// folder) or in `medgen/` below it (installed). The module's symbols are kept to itself. Throws
// Error(kRuntime) that says what was tried, and `remedy`. Thread-safe.
void* load_module(const char* name, const char* entry,
                  const char* remedy = "build or install medgen again");

// Whether a module of that name has been loaded. Thread-safe.
bool is_loaded(const std::string& name);

// The folder below which medgen is installed, as /usr: that of the program, or in another program
// that of libmedgen.
std::filesystem::path installation_folder();

// Where the module file `name` is looked for.
std::vector<std::filesystem::path> module_places(const char* name);

}  // namespace medgen::base
