// The one place that knows where the torch room's module lies.
#include "wiring/torch_module.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/module.h"
#include "medgen/error.h"

namespace medgen::wiring {
namespace {

constexpr const char* kTorchModule = "libmedgen_torch.so";

}  // namespace

bool has_torch_room() {
  const auto places = base::module_places(kTorchModule);
  return std::any_of(places.begin(), places.end(), [](const std::filesystem::path& place) {
    std::error_code ignored;
    return std::filesystem::exists(place, ignored);
  });
}

TorchRoom& torch_room() {
  using Entry = TorchRoom* (*)();
  static TorchRoom* const room = [] {
    // libgomp's threads would otherwise spin between operations on the cores that OpenBLAS's
    // threads of the same process want. Read once, when the library is loaded; the user's own
    // setting wins.
    setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
    return reinterpret_cast<Entry>(
        base::load_module(kTorchModule, "medgen_torch_room",
                          "to build it, put --with-torch first after scripts/run, or install "
                          "libtorch and configure with -DMEDGEN_TORCH=ON"))();
  }();
  return *room;
}

}  // namespace medgen::wiring
