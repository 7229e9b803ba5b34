// The program: everything is in cli/.
#include "cli/run.h"

int main(int argc, char** argv) { return medgen::cli::run(argc, argv); }
