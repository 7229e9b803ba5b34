// See the header.
#include "base/write_failure.h"

#include <cerrno>
#include <system_error>

namespace medgen::base {

std::string write_failure(int error) {
  std::string why = std::system_category().message(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return why + "; free some space or choose another place";
    case ENOENT:
    case ENOTDIR:
      return why + "; name a folder that exists";
    case EACCES:
    case EPERM:
    case EROFS:
      return why + "; choose a place that you may write to";
    default:
      return why;
  }
}

}  // namespace medgen::base
