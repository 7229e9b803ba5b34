// Which system calls remain to a process in the sandbox.
// Knows nothing of files and commands.
#pragma once

#include <string>

namespace medgen::safety {

// From now on system calls outside the list fail with EPERM, for this thread and those that it
// starts: no processes, programs, sockets, tracing, mounts, io_uring, keys or BPF. With
// `terminal` a terminal's modes may be changed. Returns why it failed; "" if it did not.
std::string restrict_system_calls(bool terminal = false);

// What a process may still do to files.
enum class Writes { kAsBefore, kNothing };

// For all threads of a process for which restrict_system_calls() holds: from now on no memory
// becomes executable, so that no code is added to what is loaded. With Writes::kNothing no file is
// made, opened to be written, moved or removed either. Returns why it failed; "" if it did not.
std::string forbid_new_code(Writes writes);

}  // namespace medgen::safety
