// See the header.
#include "cli/terminal_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "base/byte_reader.h"
#include "base/write_all.h"
#include "cli/terminal.h"
#include "medgen/error.h"

namespace medgen::cli {
namespace {

// Whole lines, so that no character is cut. Closes `from`, so that a writer sees when the terminal
// has gone.
void pass_lines_on(int from, int to) {
  const base::Blocks blocks = base::descriptor_blocks(from, "a pipe");
  std::string waiting;
  bool good = true;
  while (good) {
    const std::string_view block = blocks();
    waiting += block;
    const std::size_t end = block.empty() ? waiting.size() : waiting.rfind('\n') + 1;
    good = base::write_all(to, visible(std::string_view(waiting).substr(0, end))) == 0;
    waiting.erase(0, end);
    if (block.empty()) break;
  }
  ::close(from);
}

}  // namespace

TerminalPipe::TerminalPipe(int descriptor) : descriptor_(descriptor) {
  if (descriptor < 0 || !is_terminal(descriptor)) return;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw Error(ErrorCode::kRuntime, std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  descriptor_ = ends[1];
  thread_ = std::thread([from = ends[0], to = descriptor] {
    try {
      pass_lines_on(from, to);
    } catch (const std::exception&) {
      ::close(from);  // nobody to tell; the writer is refused
    }
  });
}

void TerminalPipe::finish() {
  if (!thread_.joinable()) return;
  ::close(descriptor_);
  thread_.join();
}

}  // namespace medgen::cli
