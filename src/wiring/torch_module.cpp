// The one place that knows where the torch room's module lies.
#include "wiring/torch_module.h"

#include "base/module.h"
#include "medgen/error.h"

namespace medgen::wiring {

TorchRoom& torch_room() {
  using Entry = TorchRoom* (*)();
  static TorchRoom* const room = [] {
    // libgomp's threads would otherwise spin between operations on the cores that OpenBLAS's
    // threads of the same process want. Read once, when the library is loaded; the user's own
    // setting wins.
    setenv("OMP_WAIT_POLICY", "PASSIVE", /*overwrite=*/0);
    return reinterpret_cast<Entry>(
        base::load_module("libmedgen_torch.so", "medgen_torch_room",
                          "to build it, put --with-torch first after scripts/run, or configure "
                          "with -DMEDGEN_TORCH=ON"))();
  }();
  return *room;
}

}  // namespace medgen::wiring
