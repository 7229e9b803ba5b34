// See the header.
#include "terminal/libedit.h"

#include <sys/types.h>

#include "medgen/error.h"

namespace medgen::terminal {
namespace {

ssize_t swallow(void*, const char*, std::size_t size) { return static_cast<ssize_t>(size); }

// Unbuffered, so that no copy of a line stays in it.
std::FILE* open_nowhere() {
  cookie_io_functions_t functions{};
  functions.write = swallow;
  std::FILE* file = ::fopencookie(nullptr, "w", functions);
  if (file != nullptr) std::setvbuf(file, nullptr, _IONBF, 0);
  return file;
}

}  // namespace

UnicodeScope::UnicodeScope(locale_t unicode)
    : before_(unicode == nullptr ? nullptr : ::uselocale(unicode)) {}

UnicodeScope::~UnicodeScope() {
  if (before_ != nullptr) ::uselocale(before_);
}

Libedit::Libedit(int input, int output)
    : terminal_(input),
      modes_known_(::tcgetattr(input, &modes_) == 0),
      input_(::dup(input)),
      output_(::dup(output)),
      unicode_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)),
      nowhere_(open_nowhere()) {
  const UnicodeScope scope(unicode_);
  line_ = nowhere_ == nullptr ? nullptr
                              : ::el_init_fd("medgen", nowhere_, nowhere_, nowhere_, input_->get(),
                                             output_->get(), output_->get());
  if (line_ == nullptr) {
    if (nowhere_ != nullptr) std::fclose(nowhere_);
    if (unicode_ != nullptr) ::freelocale(unicode_);
    throw Error(ErrorCode::kRuntime, "libedit could not be started; try `plain`");
  }
}

Libedit::~Libedit() {
  // el_end() would throw away what was typed for the shell: it is left no terminal to do that with.
  input_.reset();
  output_.reset();
  {
    const UnicodeScope scope(unicode_);
    ::el_end(line_);
  }
  std::fclose(nowhere_);
  if (unicode_ != nullptr) ::freelocale(unicode_);
  if (modes_known_) ::tcsetattr(terminal_, TCSADRAIN, &modes_);
}

std::string Libedit::sequence(const char* name) const {
  const char* found = nullptr;
  ::el_get(line_, EL_GETTC, name, &found, nullptr);
  return found == nullptr ? "" : found;
}

}  // namespace medgen::terminal
