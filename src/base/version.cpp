// The build says the version; see the top CMakeLists.txt.
#include "medgen/version.h"

namespace medgen {

std::string_view version() { return MEDGEN_VERSION; }

}  // namespace medgen
