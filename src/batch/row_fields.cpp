// See the header.
#include "batch/row_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/json.h"
#include "base/refuse.h"
#include "engine/settings.h"

namespace medgen::batch {
namespace {

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Letters and digits alone, in lower case: "top_P", "topP" and "top-p" are one.
std::string folded(std::string_view name) {
  std::string letters;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      letters += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return letters;
}

// One letter more, less or other, or two neighbours swapped.
bool differ_by_one(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  const auto [left, right] = std::mismatch(a.begin(), a.end(), b.begin());
  const std::string_view rest_a = a.substr(static_cast<std::size_t>(left - a.begin()));
  const std::string_view rest_b = b.substr(static_cast<std::size_t>(right - b.begin()));
  if (rest_a.size() < rest_b.size()) return rest_a == rest_b.substr(1);
  if (rest_a.empty()) return true;
  const bool swapped = rest_a.size() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0];
  return rest_a.substr(1) == rest_b.substr(1) || (swapped && rest_a.substr(2) == rest_b.substr(2));
}

// What other programs call them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kOtherNames = {
    {{"maxtokens", "max_new_tokens"},
     {"maxcompletiontokens", "max_new_tokens"},
     {"maxoutputtokens", "max_new_tokens"},
     {"npredict", "max_new_tokens"},
     {"numpredict", "max_new_tokens"},
     {"temp", "temperature"},
     {"repeatpenalty", "repetition_penalty"},
     {"stopsequences", "stop"},
     {"stopstrings", "stop"},
     {"numsamples", "n"}}};

std::string quoted_list(const std::vector<std::string>& names) {
  std::vector<std::string> shown;
  for (const std::string& name : names) shown.push_back(base::json_key_shown(name));
  return fmt::format("{}", fmt::join(shown, ", "));
}

}  // namespace

bool is_carried(std::string_view name, const FieldChoice& choice) {
  return choice.all_carried || has(choice.carried, name);
}

FieldKind kind_of(std::string_view name, const FieldChoice& choice) {
  if (is_carried(name, choice) || !engine::is_setting(name)) return FieldKind::kOwn;
  const bool acts = choice.all_act || has(choice.acting, name);
  return acts ? FieldKind::kSetting : FieldKind::kUnclear;
}

std::string unclear_fields(const std::vector<std::string>& names, const FieldChoice& choice,
                           bool columns) {
  const bool one = names.size() == 1;
  const std::string list = fmt::format("{}", fmt::join(names, ","));  // settings: plain words
  std::string text =
      fmt::format("the {}{} {} {} named as {}", columns ? "column" : "field", one ? "" : "s",
                  quoted_list(names), one ? "is" : "are", one ? "a setting" : "settings");
  if (!choice.may_act) {
    return text + fmt::format(
                      ", but all prompts are run under the same ones here: give `carry` {} to "
                      "carry {} through",
                      list, one ? "it" : "them");
  }
  return text + fmt::format(
                    ": give `row_settings` {0} to set {1} for the row, or `carry` {0} to carry {1} "
                    "through unread",
                    list, one ? "it" : "them");
}

std::string nearly_setting(std::string_view name) {
  constexpr std::size_t kShortest = 5;  // "step" is not "stop"
  constexpr std::size_t kLongest = 60;
  if (name.size() > kLongest) return "";
  const std::string letters = folded(name);
  for (const auto& [other, meant] : kOtherNames) {
    if (letters == other) return std::string(meant);
  }
  for (const engine::SettingInfo& info : engine::setting_infos()) {
    const std::string setting = folded(info.name);
    if (letters == setting) return std::string(info.name);
    const bool long_enough = std::min(letters.size(), setting.size()) >= kShortest;
    if (long_enough && differ_by_one(letters, setting)) return std::string(info.name);
  }
  return "";
}

void check(const FieldChoice& choice) {
  for (const std::string& name : choice.acting) {
    if (has(choice.carried, name)) {
      base::refuse(fmt::format(
          "`row_settings` and `carry` both name {}: it can do one of the two; leave it out of one",
          base::json_key_shown(name)));
    }
    if (engine::is_setting(name)) continue;
    const std::string nearest = engine::nearest_setting(name);
    base::refuse(fmt::format("`row_settings` names {}, which is no setting{}",
                             base::json_key_shown(name),
                             nearest.empty() ? std::string("; docs/SAMPLING.md lists them")
                                             : "; did you mean \"" + nearest + "\"?"));
  }
}

std::string FieldWatch::look(std::string_view name, const FieldChoice& choice) {
  if (seen_.contains(name) || seen_.size() >= kMostNames) return "";
  seen_.emplace(name);
  if (is_carried(name, choice) || engine::is_setting(name)) return "";
  return nearly_setting(name);
}

}  // namespace medgen::batch
