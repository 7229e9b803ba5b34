// libFuzzer's way in; MEDGEN_FUZZ_TARGET names the entry point.
#include "fuzz/entry_points.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const medgen::fuzz::Target target = medgen::fuzz::targets().at(MEDGEN_FUZZ_TARGET);
  target(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
