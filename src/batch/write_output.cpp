// See the header.
#include "batch/write_output.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include "base/file_system.h"
#include "base/write_all.h"
#include "base/write_failure.h"
#include "medgen/error.h"

namespace medgen::batch {
namespace {

[[noreturn]] void fail(int error, const std::string& name, Kept kept) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  const std::string why =
      kept == Kept::kFinishedRows && full
          ? std::system_category().message(error) +
                "; the rows that are finished are kept: make room, then give the same command again"
          : base::write_failure(error);
  throw Error(ErrorCode::kRuntime, fmt::format("cannot write {}: {}", name, why));
}

}  // namespace

void write_output(int descriptor, std::string_view bytes, const std::string& name, Kept kept) {
  const int error = base::write_all(descriptor, bytes);
  if (error == EPIPE) throw ReaderGone{};
  if (error != 0) fail(error, name, kept);
}

// EINVAL and ENOTSUP: a pipe, a device or a file system that cannot flush.
void flush_to_disk(int descriptor, const std::string& name, Kept kept) {
  if (base::file_system().fdatasync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail(errno, name, kept);
}

}  // namespace medgen::batch
