// See the header.
#include "jobs/identifier_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/count_of.h"
#include "base/refuse.h"
#include "engine/setting_values.h"
#include "medgen/error.h"

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

constexpr const char* kPrompt = "the prompt";
constexpr const char* kNegativePrompt = "the negative prompt";

// Looks at prompts, which it masks if that is wanted, and keeps what it found and what is refused.
class Look {
 public:
  explicit Look(IdentifierAction action) : action_(action) {}

  void at(const char* what, std::string& text) {
    const auto found = find(what, text);
    if (found.empty()) return;
    if (action_ == IdentifierAction::kMask) text = safety::mask_identifiers(text, found);
    if (action_ == IdentifierAction::kRefuse) refuse(refused(what, text, found));
  }

  // At what the ids of a prompt spell.
  void at_ids(const char* what, const std::string& spelled) {
    const auto found = find(what, spelled);
    if (found.empty()) return;
    if (action_ == IdentifierAction::kMask) {
      refuse(
          fmt::format("{} holds what may identify somebody: {}; in token ids nothing "
                      "can be masked: give a text, or take it out",
                      what, found_where(spelled, found)));
    } else if (action_ == IdentifierAction::kRefuse) {
      refuse(refused(what, spelled, found));
    }
  }

  void at_ids(const char* what, const std::vector<TokenId>& ids, const Tokenizer& tokenizer) {
    const bool known = std::all_of(
        ids.begin(), ids.end(), [&](TokenId id) { return id >= 0 && id < tokenizer.vocab_size(); });
    if (known && !ids.empty()) at_ids(what, tokenizer.decode(ids));  // others are refused elsewhere
  }

  // At the negative prompt among settings as a row or a sweep names them.
  void at(batch::Json& settings, const Tokenizer& tokenizer) {
    if (!settings.is_object()) return;
    const auto text = settings.find("negative_prompt");
    if (text != settings.end() && text->is_string()) {
      at(kNegativePrompt, text->get_ref<std::string&>());
    }
    const auto ids = settings.find("negative_prompt_ids");
    if (ids == settings.end()) return;
    std::vector<TokenId> tokens;
    try {
      engine::from_json(*ids, "negative_prompt_ids", tokens);
    } catch (const Error&) {
      return;  // it is refused when the settings are made
    }
    at_ids(kNegativePrompt, tokens, tokenizer);
  }

  void at(SamplingParams& settings, const Tokenizer& tokenizer) {
    at(kNegativePrompt, settings.negative_prompt);
    at_ids(kNegativePrompt, settings.negative_prompt_ids, tokenizer);
  }

  std::vector<std::string> classes() const { return safety::classes_of(all_); }
  const std::optional<std::string>& refusal() const { return refusal_; }
  // "the prompt (date at column 3 (9 characters))", for each that holds something.
  const std::vector<std::string>& places() const { return places_; }

 private:
  std::vector<Identifier> find(const char* what, const std::string& text) {
    auto found = safety::find_identifiers(text);
    all_.insert(all_.end(), found.begin(), found.end());
    if (!found.empty()) places_.push_back(fmt::format("{} ({})", what, found_where(text, found)));
    return found;
  }
  void refuse(std::string message) {
    if (!refusal_) refusal_ = std::move(message);
  }

  IdentifierAction action_;
  std::vector<Identifier> all_;
  std::vector<std::string> places_;
  std::optional<std::string> refusal_;
};

// Of a row: its prompt, and the negative prompt of its own if it has one.
void look_at(batch::BatchRow& row, IdentifierAction action, const Tokenizer& tokenizer) {
  Look look(action);
  if (row.prompt_ids.empty()) {
    look.at(kPrompt, row.prompt);
  } else {
    look.at_ids(kPrompt, row.prompt);
  }
  look.at(row.settings, tokenizer);
  if (look.refusal()) row.error = batch::RowError{"identifiers", *look.refusal()};
  row.identifiers = look.classes();
}

void add_all(std::vector<std::string>& classes, const std::vector<std::string>& more) {
  for (const std::string& name : more) {
    if (std::find(classes.begin(), classes.end(), name) == classes.end()) classes.push_back(name);
  }
}

std::vector<Identifier> found_in(const std::vector<Completion>& completions) {
  std::vector<Identifier> found;
  for (const Completion& completion : completions) {
    const auto more = safety::find_identifiers(completion.text);
    found.insert(found.end(), more.begin(), more.end());
  }
  return found;
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
  Look look(action_);
  look.at(maker.plain.sampling, *maker.tokenizer);
  if (look.refusal()) base::refuse(*look.refusal());
  add_all(in_negative_prompt_, look.classes());
  if (!look.classes().empty()) {
    maker.openai.sampling.negative_prompt = maker.plain.sampling.negative_prompt;
  }
  maker.look = [action = action_, tokenizer = maker.tokenizer](batch::BatchRow& row) {
    look_at(row, action, *tokenizer);
  };
}

void RowIdentifiers::watch_settings(batch::Json& given, const Tokenizer& tokenizer) {
  if (!looks()) return;
  Look look(action_);
  look.at(given, tokenizer);
  if (look.refusal()) base::refuse(*look.refusal());
  add_all(in_negative_prompt_, look.classes());
}

void RowIdentifiers::watch_texts(const batch::BatchRow& row, std::span<records::Record> records) {
  if (!looks()) return;
  ++rows_;
  const std::string number = fmt::to_string(row.position + 1);
  prompts_.add(row.identifiers, number);
  std::vector<Identifier> all;
  for (records::Record& record : records) {
    const std::vector<Identifier> found = found_in(record.completions);
    all.insert(all.end(), found.begin(), found.end());
    record.identifiers = safety::name_of(action_);
    record.identifiers_found = safety::classes_of(found);
  }
  texts_.add(safety::classes_of(all), number);
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

void PromptIdentifiers::watch_prompt(std::string& prompt) {
  if (!looks()) return;
  Look look(action_);
  look.at(kPrompt, prompt);
  keep(look.refusal(), look.places());
}

void PromptIdentifiers::watch_spelled_ids(const std::string& prompt) {
  if (!looks()) return;
  Look look(action_);
  look.at_ids(kPrompt, prompt);
  keep(look.refusal(), look.places());
}

void PromptIdentifiers::watch_settings(SamplingParams& settings, const Tokenizer& tokenizer) {
  if (!looks()) return;
  Look look(action_);
  look.at(settings, tokenizer);
  keep(look.refusal(), look.places());
}

void PromptIdentifiers::keep(const std::optional<std::string>& refusal,
                             const std::vector<std::string>& places) {
  if (refusal) base::refuse(*refusal);
  places_.insert(places_.end(), places.begin(), places.end());
}

void PromptIdentifiers::watch_text(const Completion& completion) {
  if (!looks()) return;
  ++texts_;
  const auto found = safety::find_identifiers(completion.text);
  if (found.empty()) return;
  add_all(in_texts_, safety::classes_of(found));
  places_.push_back(fmt::format("the generated text {} ({})", completion.index + 1,
                                found_where(completion.text, found)));
}

void PromptIdentifiers::mark(records::Record& record) const {
  if (!looks()) return;
  record.identifiers = safety::name_of(action_);
  record.identifiers_found = in_texts_;
}

std::string PromptIdentifiers::summary() const {
  if (!looks()) return {};
  const std::string searched = "the prompt and " + base::count_of(texts_, "text");
  if (places_.empty()) return fmt::format("identifiers: none found in {}; {}", searched, kCaveat);
  return fmt::format("identifiers: {} searched, found in {}; {}", searched,
                     fmt::join(places_, ", in "), kCaveat);
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
