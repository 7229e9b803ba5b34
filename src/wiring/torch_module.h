// The one place that knows where the torch room's module lies. Loading it costs about 0.4 s, so
// only commands that run or write a TorchScript model ask for it.
#pragma once

#include "wiring/torch_room.h"

namespace medgen::wiring {

// Loads libmedgen_torch.so on the first call: from beside the running program (a build folder) or
// from the installed library folder. Throws Error(kRuntime) that says what was tried. Thread-safe.
TorchRoom& torch_room();

// Whether the module's file is there. It may still fail to load.
bool has_torch_room();

}  // namespace medgen::wiring
