// libFuzzer's way in, for a program of each target: fuzz_text feeds the entry point "text".
#include "fuzz/entry_points.h"

namespace {

medgen::fuzz::Target target;

}  // namespace

extern "C" int LLVMFuzzerInitialize(const int* /*count*/, char*** words) {
  const std::string program = (*words)[0];
  target = medgen::fuzz::targets().at(program.substr(program.rfind("fuzz_") + 5));
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  target(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
