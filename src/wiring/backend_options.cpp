// The names of medgen/backend_options.h.
#include "medgen/backend_options.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/refuse.h"
#include "medgen/error.h"

namespace medgen {
namespace {

template <class Choice, std::size_t N>
using Names = std::array<std::pair<Choice, std::string_view>, N>;

constexpr Names<BackendKind, 3> kBackends = {{{BackendKind::kAuto, "auto"},
                                              {BackendKind::kNative, "native"},
                                              {BackendKind::kTorchScript, "torchscript"}}};
constexpr Names<WeightPrecision, 4> kPrecisions = {{{WeightPrecision::kAuto, "auto"},
                                                    {WeightPrecision::kFloat32, "fp32"},
                                                    {WeightPrecision::kBFloat16, "bf16"},
                                                    {WeightPrecision::kInt8, "int8"}}};
constexpr Names<Device, 2> kDevices = {{{Device::kCpu, "cpu"}, {Device::kCuda, "cuda"}}};

template <class Choice, std::size_t N>
std::string_view name_of(const Names<Choice, N>& names, Choice choice) {
  for (const auto& [known, name] : names) {
    if (known == choice) return name;
  }
  return "unknown";
}

void check(const char* name, int value, int low, int high, const char* remedy) {
  if (value >= low && value <= high) return;
  base::refuse_value(name, fmt::to_string(value), fmt::format("from {} to {}", low, high), remedy);
}

template <class Choice, std::size_t N>
void check(const char* name, const Names<Choice, N>& names, Choice choice) {
  for (const auto& [known, text] : names) {
    if (known == choice) return;
  }
  const auto value = static_cast<int>(choice);
  throw SettingError(name, {name, fmt::to_string(value), "one of its enumeration",
                            fmt::format(" is {}, which is none of its enumeration", value)});
}

template <class Choice, std::size_t N>
Choice parse(const Names<Choice, N>& names, const std::string& what, std::string_view text) {
  std::string allowed;
  for (const auto& [choice, name] : names) {
    if (name == text) return choice;
    allowed += (allowed.empty() ? "" : ", ") + std::string(name);
  }
  throw SettingError(what, {what, std::string(text), allowed,
                            fmt::format(" is \"{}\"; allowed are: {}", text, allowed)});
}

}  // namespace

std::string_view to_string(BackendKind kind) { return name_of(kBackends, kind); }
std::string_view to_string(WeightPrecision precision) { return name_of(kPrecisions, precision); }
std::string_view to_string(Device device) { return name_of(kDevices, device); }

BackendKind parse_backend_kind(std::string_view name) { return parse(kBackends, "backend", name); }
WeightPrecision parse_weight_precision(std::string_view name) {
  return parse(kPrecisions, "precision", name);
}
Device parse_device(std::string_view name) { return parse(kDevices, "device", name); }

void validate(const BackendOptions& options) {
  check("backend", kBackends, options.backend);
  check("precision", kPrecisions, options.precision);
  check("device", kDevices, options.device);
  check("threads", options.threads, 0, 1024, "0 takes one for each physical core");
  check("max_slots", options.max_slots, 1, 65536, "16 is usual");
  if (options.backend == BackendKind::kNative && options.device != Device::kCpu) {
    base::refuse(fmt::format(
        "`backend` native runs on the cpu only, but `device` is {}: leave one of them out",
        to_string(options.device)));
  }
}

}  // namespace medgen
