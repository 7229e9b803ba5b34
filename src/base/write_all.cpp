// See the header.
#include "base/write_all.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "medgen/error.h"

namespace medgen::base {
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

void write_all(int descriptor, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EPIPE) {
      throw ReaderGone{};
    } else if (errno != EINTR) {
      fail(errno, name);
    }
  }
}

// EINVAL and ENOTSUP: a pipe, a device or a file system that cannot flush.
void flush_to_disk(int descriptor, const std::string& name) {
  if (::fdatasync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP) fail(errno, name);
}

}  // namespace medgen::base
