// See the header.
#include "jobs/identifier_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/count_of.h"
#include "base/refuse.h"

namespace medgen::jobs {
namespace {

using safety::Identifier;
using safety::IdentifierAction;

constexpr std::size_t kMostNamed = 10;
constexpr const char* kCaveat = "patterns miss some (docs/IDENTIFIERS.md)";

// "name at column 3 (11 characters), date at column 40 (9 characters)", never the text.
std::string found_where(std::string_view text, const std::vector<Identifier>& found) {
  const auto places = safety::places_of(text, found);
  std::string words;
  for (std::size_t i = 0; i < std::min(found.size(), kMostNamed); ++i) {
    words += fmt::format("{}{} at column {} ({} characters)", i > 0 ? ", " : "",
                         safety::name_of(found[i].kind), places[i].column, places[i].length);
  }
  if (found.size() > kMostNamed) words += fmt::format(" and {} more", found.size() - kMostNamed);
  return words;
}

std::string refused(const std::string& what, std::string_view text,
                    const std::vector<Identifier>& found) {
  return fmt::format(
      "{} holds what may identify somebody: {}; take it out, or give `identifiers` mask", what,
      found_where(text, found));
}

// Of a row: its prompt, and the negative prompt of its own if it has one.
void look_at(batch::BatchRow& row, IdentifierAction action) {
  std::vector<Identifier> all;
  const auto look = [&](const char* what, std::string& text) {
    const auto found = safety::find_identifiers(text);
    all.insert(all.end(), found.begin(), found.end());
    if (found.empty()) return;
    if (action == IdentifierAction::kMask && &text == &row.prompt && !row.prompt_ids.empty()) {
      row.error = batch::RowError{
          "identifiers",
          fmt::format("{} holds what may identify somebody: {}; in token ids nothing "
                      "can be masked: give a text, or take it out",
                      what, found_where(text, found))};
    } else if (action == IdentifierAction::kMask) {
      text = safety::mask_identifiers(text, found);
    } else if (action == IdentifierAction::kRefuse && !row.error) {
      row.error = batch::RowError{"identifiers", refused(what, text, found)};
    }
  };
  look("the prompt", row.prompt);
  const auto negative = row.settings.find("negative_prompt");
  if (negative != row.settings.end() && negative->is_string()) {
    look("the negative prompt", negative->get_ref<std::string&>());
  }
  row.identifiers = safety::classes_of(all);
}

}  // namespace

void IdentifierTally::add(const std::vector<std::string>& classes, const std::string& holder) {
  if (classes.empty()) return;
  ++holders_;
  for (const std::string& name : classes) ++by_class_[name];
  if (first_.size() < kMostNamed) first_.push_back(holder);
}

std::string IdentifierTally::words(std::string_view what, std::string_view first,
                                   std::string_view firsts) const {
  if (holders_ == 0) return fmt::format("no {}s", what);
  std::string words = base::count_of(holders_, what) + " (";
  const char* between = "";
  for (const auto& [name, count] : by_class_) {
    words += fmt::format("{}{} {}", std::exchange(between, ", "), name, count);
  }
  between = " ";
  words += fmt::format("; {}", holders_ == 1 ? first : firsts);
  for (const std::string& one : first_) words += std::exchange(between, ", ") + one;
  return words + (holders_ > first_.size() ? ", ...)" : ")");
}

void RowIdentifiers::watch_prompts(batch::RequestMaker& maker) {
  if (!looks()) return;
  std::string& negative = maker.plain.sampling.negative_prompt;
  if (const auto found = safety::find_identifiers(negative); !found.empty()) {
    if (action_ == IdentifierAction::kRefuse) {
      base::refuse(refused("the negative prompt", negative, found));
    }
    in_negative_prompt_ = safety::classes_of(found);
    if (action_ == IdentifierAction::kMask) {
      negative = safety::mask_identifiers(negative, found);
      maker.openai.sampling.negative_prompt = negative;
    }
  }
  maker.look = [action = action_](batch::BatchRow& row) { look_at(row, action); };
}

void RowIdentifiers::watch_texts(const batch::BatchRow& row, records::Record& record) {
  if (!looks()) return;
  ++rows_;
  const std::string number = fmt::to_string(row.position + 1);
  prompts_.add(row.identifiers, number);
  std::vector<Identifier> found;
  for (const Completion& completion : record.completions) {
    const auto more = safety::find_identifiers(completion.text);
    found.insert(found.end(), more.begin(), more.end());
  }
  record.identifiers = safety::name_of(action_);
  record.identifiers_found = safety::classes_of(found);
  texts_.add(record.identifiers_found, number);
}

std::string RowIdentifiers::summary() const {
  if (rows_ == 0) return {};
  const std::string negative =
      in_negative_prompt_.empty()
          ? std::string()
          : fmt::format(", in the negative prompt ({})", fmt::join(in_negative_prompt_, ", "));
  return fmt::format(
      "identifiers: {} searched, found in {}{} and in the texts generated for {}; {}",
      base::count_of(rows_, "row"), prompts_.words("prompt", "row", "rows"), negative,
      texts_.words("row", "row", "rows"), kCaveat);
}

void DocumentIdentifiers::look(const std::filesystem::path& file, std::uint64_t number,
                               corpus::Document& document) {
  if (action_ == IdentifierAction::kOff) return;
  const auto found = safety::find_identifiers(document.text);
  std::uint64_t& seen = seen_[file];
  if (number > seen) {
    seen = number;
    documents_.add(safety::classes_of(found), fmt::format("{} document {}", file.string(), number));
  }
  if (found.empty()) return;
  if (action_ == IdentifierAction::kMask) {
    document.text = safety::mask_identifiers(document.text, found);
  } else if (action_ == IdentifierAction::kRefuse) {
    base::refuse(
        fmt::format("{}: document {} holds what may identify somebody: {}; take it out, "
                    "or give `identifiers` mask",
                    file.string(), number, found_where(document.text, found)));
  }
}

std::string DocumentIdentifiers::summary() const {
  if (action_ == IdentifierAction::kOff) return {};
  return fmt::format("identifiers: found in {}; {}", documents_.words("document", "first", "first"),
                     kCaveat);
}

}  // namespace medgen::jobs
