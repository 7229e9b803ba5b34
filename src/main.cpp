// The program: everything is in cli/.
// Knows nothing but where to start.
#include "cli/run.h"

int main(int argc, char** argv) { return medgen::cli::run(argc, argv); }
