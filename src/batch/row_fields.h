// Fields of plain rows and columns of tables that are named as a setting: whether the user wants
// them to act, or to be carried through as any other. A fever must not become a temperature.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace medgen::batch {

// What the user says of such fields.
struct FieldChoice {
  bool all_act = false;      // all that `carried` does not name
  bool all_carried = false;  // for readers that run nothing
  bool may_act = true;       // false where all rows are run under the same settings
  std::vector<std::string> acting = {};
  std::vector<std::string> carried = {};
};

enum class FieldKind {
  kOwn,      // carried through
  kSetting,  // acts
  kUnclear,  // named as a setting, and nobody said what it is
};

bool is_carried(std::string_view name, const FieldChoice& choice);  // the user says so
FieldKind kind_of(std::string_view name, const FieldChoice& choice);

// What is wrong with unclear fields and what to do, beginning with "the field "x" is" or "the
// columns "x", "y" are".
std::string unclear_fields(const std::vector<std::string>& names, const FieldChoice& choice,
                           bool columns);

// The setting that a field of the user's own was probably meant to be; empty for most.
std::string nearly_setting(std::string_view name);

// Throws Error(kUsage) for a name that acts and is no setting, or that acts and is carried.
void check(const FieldChoice& choice);

// Tells once of each field that is nearly a setting.
class FieldWatch {
 public:
  // The setting, for the first field of this name; else empty.
  std::string look(std::string_view name, const FieldChoice& choice);

 private:
  static constexpr std::size_t kMostNames = 1000;  // in rows that are all different

  std::set<std::string, std::less<>> seen_;
};

}  // namespace medgen::batch
