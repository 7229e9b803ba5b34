// CPUID says what the processor has, XGETBV what the operating system saves on a task switch; both
// are needed. See cpu.h.
#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace medgen::kernels {
namespace {

#if defined(__x86_64__)

struct Features {
  bool avx2 = false;
  bool avx512 = false;
  bool vnni = false;
  bool amx = false;
};

bool bit(unsigned word, int place) { return (word >> place & 1U) != 0; }

std::uint64_t saved_state() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<std::uint64_t>(high) << 32 | low;
}

bool ask_for_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

Features detect() {
  Features found;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return found;
  const bool fma = bit(c, 12);
  const bool os_saves = bit(c, 27);
  const bool avx = bit(c, 28);
  const bool f16c = bit(c, 29);
  if (!os_saves || !avx || !fma || !f16c) return found;
  const std::uint64_t state = saved_state();
  if ((state & 0x6U) != 0x6U) return found;  // xmm, ymm
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return found;
  found.avx2 = bit(b, 5);
  const bool zmm_saved = (state & 0xe6U) == 0xe6U;
  found.avx512 = found.avx2 && zmm_saved && bit(b, 16) && bit(b, 17) && bit(b, 30) && bit(b, 31);
  found.vnni = found.avx512 && bit(c, 11);
  const bool tiles_saved = (state & 0x60000U) == 0x60000U;
  found.amx = found.vnni && tiles_saved && bit(d, 24) && bit(d, 25) && ask_for_tiles();
  return found;
}

const Features& features() {
  static const Features found = detect();
  return found;
}

#endif

}  // namespace

KernelList all_kernels() {
  const Kernels* const known[] = {kScalarKernels, kAvx2Kernels, kAvx512Kernels, kAvx512VnniKernels,
                                  kAmxKernels};
  KernelList list{};
  for (const Kernels* table : known) {
    if (table != nullptr) list.tables[list.count++] = table;
  }
  return list;
}

bool can_run(const Kernels& kernels) {
  if (&kernels == kScalarKernels) return true;
#if defined(__x86_64__)
  if (&kernels == kAvx2Kernels) return features().avx2;
  if (&kernels == kAvx512Kernels) return features().avx512;
  if (&kernels == kAvx512VnniKernels) return features().vnni;
  if (&kernels == kAmxKernels) return features().amx;
#endif
  return false;
}

}  // namespace medgen::kernels
