// See the header.
#include "batch/write_output.h"

#include <cerrno>
#include <system_error>

#include "base/file_system.h"
#include "base/write_all.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

[[noreturn]] void fail(int error, const std::string& name) {
  std::string message = "cannot write ";
  message += name + ": " + std::system_category().message(error);
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    message += "; the rows that are finished are kept: make room, then give the same command again";
  }
  throw Error(ErrorCode::kRuntime, message);
}

}  // namespace

void write_output(int descriptor, std::string_view bytes, const std::string& name) {
  const int error = base::write_all(descriptor, bytes);
  if (error == EPIPE) throw ReaderGone{};
  if (error != 0) fail(error, name);
}

// EINVAL and ENOTSUP: a pipe, a device or a file system that cannot flush.
void flush_to_disk(int descriptor, const std::string& name) {
  if (base::file_system().fdatasync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail(errno, name);
}

}  // namespace medgen::batch
