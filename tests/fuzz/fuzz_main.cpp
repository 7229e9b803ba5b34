// libFuzzer's way in; the program's name, "fuzz_json", says which entry point.
#include <cstdio>

#include "fuzz/entry_points.h"

namespace {

medgen::fuzz::Target target = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char*** arguments) {
  const std::string program = (*arguments)[0];
  const auto found = medgen::fuzz::targets().find(program.substr(program.rfind("fuzz_") + 5));
  if (found == medgen::fuzz::targets().end()) {
    std::fprintf(stderr, "%s: its name must be fuzz_ and a target\n", program.c_str());
    std::exit(2);
  }
  target = found->second;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  target(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
