// On x86-64, CPUID says what the processor has, XGETBV what the operating system saves on a task
// switch; both are needed. On Arm, Linux says what both allow. See the header.
#include "base/instruction_set.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "medgen/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

namespace medgen::base {
namespace {

#if defined(__x86_64__)

constexpr InstructionSet kAll[] = {InstructionSet::kScalar, InstructionSet::kAvx2,
                                   InstructionSet::kAvx512, InstructionSet::kAvx512Vnni,
                                   InstructionSet::kAmx};
constexpr std::string_view kAllowed = "allowed are scalar, avx2, avx512 and amx";

struct Features {
  bool avx2 = false;
  bool avx512 = false;
  bool vnni = false;
  bool tiles = false;  // Linux has yet to be asked for them
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
  found.tiles = found.vnni && tiles_saved && bit(d, 24) && bit(d, 25);
  return found;
}

const Features& features() {
  static const Features found = detect();
  return found;
}

bool tiles_granted() {
  static const bool granted = features().tiles && ask_for_tiles();
  return granted;
}

#elif defined(__aarch64__)

constexpr InstructionSet kAll[] = {InstructionSet::kScalar, InstructionSet::kNeon,
                                   InstructionSet::kNeonDotprod, InstructionSet::kNeonI8mm};
constexpr std::string_view kAllowed = "allowed are scalar, neon, neon_dotprod and neon_i8mm";

// Of Linux's <asm/hwcap.h>, whose older versions lack some.
bool has_neon() { return (::getauxval(AT_HWCAP) >> 1U & 1U) != 0; }  // ASIMD
bool has_dot_products() {
  return has_neon() && (::getauxval(AT_HWCAP) >> 20U & 1U) != 0;
}  // ASIMDDP
bool has_matrix_products() {
  return has_dot_products() && (::getauxval(AT_HWCAP2) >> 13U & 1U) != 0;  // I8MM
}

#else

constexpr InstructionSet kAll[] = {InstructionSet::kScalar};
constexpr std::string_view kAllowed = "allowed is scalar alone";

#endif

}  // namespace

std::string_view to_string(InstructionSet set) {
  constexpr std::string_view kNames[] = {"scalar", "avx2", "avx512",       "avx512_vnni",
                                         "amx",    "neon", "neon_dotprod", "neon_i8mm"};
  return kNames[static_cast<std::size_t>(set)];
}

std::span<const InstructionSet> instruction_sets() { return kAll; }

bool can_run(InstructionSet set) {
  if (set == InstructionSet::kScalar) return true;
#if defined(__x86_64__)
  if (set == InstructionSet::kAvx2) return features().avx2;
  if (set == InstructionSet::kAvx512) return features().avx512;
  if (set == InstructionSet::kAvx512Vnni) return features().vnni;
  if (set == InstructionSet::kAmx) return tiles_granted();
#elif defined(__aarch64__)
  if (set == InstructionSet::kNeon) return has_neon();
  if (set == InstructionSet::kNeonDotprod) return has_dot_products();
  if (set == InstructionSet::kNeonI8mm) return has_matrix_products();
#endif
  return false;
}

InstructionSet choose_instruction_set(InstructionSet most) {
  const char* variable = std::getenv("MEDGEN_ISA");
  const std::string_view wanted = variable == nullptr ? "" : variable;
  if (wanted.empty()) {
    InstructionSet best = InstructionSet::kScalar;
    for (const InstructionSet set : kAll) {
      if (set <= most && can_run(set)) best = set;
    }
    return best;
  }
  const auto named = std::find_if(std::begin(kAll), std::end(kAll),
                                  [&](InstructionSet set) { return to_string(set) == wanted; });
  std::string message = "MEDGEN_ISA is ";
  message += wanted.substr(0, 40);
  if (named == std::end(kAll)) {
    throw Error(ErrorCode::kUsage, message.append("; ").append(kAllowed));
  }
  if (!can_run(*named)) {
    throw Error(ErrorCode::kUsage,
                message + ", which this processor does not have; leave it unset");
  }
  const bool with_vnni = *named == InstructionSet::kAvx512 && can_run(InstructionSet::kAvx512Vnni);
  return std::min(with_vnni ? InstructionSet::kAvx512Vnni : *named, most);
}

}  // namespace medgen::base
