// The program: everything is in cli/.
#include <sys/stat.h>

#include "cli/run.h"

int main(int argc, char** argv) {
  // What is written is for the user alone, unless --umask says otherwise.
  ::umask(0077);
  return medgen::cli::run(argc, argv);
}
