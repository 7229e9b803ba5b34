// What may identify a patient in a text: the eighteen classes of 45 CFR 164.514(b)(2), found by
// pattern and context. Some are always missed, so a text without findings is not thereby safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::safety {

// In the order of the regulation.
enum class IdentifierClass {
  kName,
  kPlace,  // smaller than a state
  kDate,   // but for the year alone; ages above 89 too
  kTelephone,
  kFax,
  kEmail,
  kSocialSecurity,
  kMedicalRecord,
  kHealthPlan,
  kAccount,
  kLicence,
  kVehicle,
  kDevice,
  kUrl,
  kIpAddress,
  kBiometric,
  kPhotograph,
  kOther,
};
inline constexpr std::size_t kIdentifierClasses = 18;

// "name", "place", "date", ..., as JSON, tables and masks have it.
std::string_view name_of(IdentifierClass kind);

// What to do about identifiers, as --identifiers says.
enum class IdentifierAction { kOff, kWarn, kRefuse, kMask };
inline constexpr std::array<std::string_view, 4> kIdentifierActions = {"off", "warn", "refuse",
                                                                       "mask"};
std::string_view name_of(IdentifierAction action);
// Throws Error(kUsage) for any other name.
IdentifierAction identifier_action(std::string_view name);

struct Identifier {
  IdentifierClass kind = IdentifierClass::kOther;
  std::size_t offset = 0, length = 0;  // bytes
};

// In order, none overlapping another. The time is linear in the length of the text, whatever it
// holds. Safe to call from several threads. Throws Error(kRuntime) for a text that is not UTF-8 and
// if PCRE2 fails: no text passes as searched that was not.
std::vector<Identifier> find_identifiers(std::string_view text);

// The text with each finding replaced by its class in brackets: "[date]".
std::string mask_identifiers(std::string_view text, const std::vector<Identifier>& found);

// Where a finding is for a reader: characters from 1, and how many.
struct IdentifierPlace {
  std::size_t column = 1, length = 0;
};
std::vector<IdentifierPlace> places_of(std::string_view text, const std::vector<Identifier>& found);

// The classes among the findings, each once, in their order.
std::vector<std::string> classes_of(const std::vector<Identifier>& found);

// How many findings each class has.
using IdentifierCounts = std::array<std::uint64_t, kIdentifierClasses>;

}  // namespace medgen::safety
