// The program's own operator new and delete: those of the library, and a look at a flag. Arrays and
// the forms that do not throw come down to these; types of special alignment hold numbers alone.
#include "cli/wiped_memory.h"

#include <malloc.h>
#include <string.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> wipes{false};

}  // namespace

// Sanitizers bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

void* operator new(std::size_t size) {
  while (true) {
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

void operator delete(void* memory) noexcept {
  if (wipes.load(std::memory_order_relaxed) && memory != nullptr)
    ::explicit_bzero(memory, ::malloc_usable_size(memory));
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#endif

namespace medgen::cli {

void wipe_freed_memory() { wipes.store(true); }

}  // namespace medgen::cli
