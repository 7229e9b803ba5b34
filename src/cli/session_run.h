// A session, from its options to its end: opens the model and the terminal. What is typed and said
// is in the room `session`.
#pragma once

#include "cli/options/session_options.h"

namespace medgen::cli {

// Inside the sandbox that the options ask for. Returns the exit status.
int run_session(const SessionArguments& arguments);

}  // namespace medgen::cli
