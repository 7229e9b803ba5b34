// Which system calls remain to a process in the sandbox.
// Knows nothing of files and commands.
#pragma once

#include <string>

namespace medgen::safety {

// From now on system calls outside the list fail with EPERM, for this thread and those that it
// starts: no processes, programs, sockets, tracing, mounts, io_uring, keys or BPF. Returns why it
// failed; "" if it did not.
std::string restrict_system_calls();

}  // namespace medgen::safety
