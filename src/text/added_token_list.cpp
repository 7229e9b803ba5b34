// See the header.
#include "text/added_token_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "text/utf8.h"
#include "text/vocabulary_builder.h"

namespace medgen::text {
namespace {

using Path = std::filesystem::path;
using Json = nlohmann::json;

// Ids without tokens cost memory. More than this between the model's tokens and an added one is a
// mistake.
constexpr TokenId kMaxGap = 1 << 16;

bool flag_of(const Path& file, const std::string& token, const Json& entry, const char* key,
             bool otherwise) {
  const auto found = entry.find(key);
  if (found == entry.end() || found->is_null()) return otherwise;
  if (!found->is_boolean()) {
    refuse_file(file, fmt::format("added token {} has '{}' = {}; it must be true or false",
                                  in_quotes(token), key, in_quotes(found->dump(-1, ' ', true))));
  }
  return found->get<bool>();
}

}  // namespace

std::optional<TokenId> AddedTokenList::id_of(const std::string& token) const {
  if (const AddedTokenRule* rule = find(token)) return rule->id;
  return model_.id_of(token);
}

const AddedTokenRule* AddedTokenList::find(const std::string& token) const {
  const auto found = places_.find(token);
  return found == places_.end() ? nullptr : &rules_[found->second];
}

TokenId AddedTokenList::next_id() const { return std::max(model_.size, highest_ + 1); }

void AddedTokenList::require_free(const Path& file, const std::string& token, TokenId id) const {
  std::string other = model_.token_of(id);
  if (const auto owner = owners_.find(id); owner != owners_.end())
    other = rules_[owner->second].text;
  if (!other.empty() && other != token) {
    refuse_file(file, fmt::format("added token {} has the id {}, but that is the id of {}",
                                  in_quotes(token), id, in_quotes(other)));
  }
  if (id >= kMaxVocabSize || id > next_id() + kMaxGap) {
    refuse_file(file,
                fmt::format("added token {} has the id {}, far beyond the other tokens, which "
                            "end before {}; number the tokens without gaps",
                            in_quotes(token), id, next_id()));
  }
}

void AddedTokenList::add(const Path& file, AddedTokenRule rule, std::optional<TokenId> stated) {
  const std::optional<TokenId> known = id_of(rule.text);
  if (known && stated && *known != *stated) {
    refuse_file(file, fmt::format("added token {} has the id {}, but the vocabulary gives it {}",
                                  in_quotes(rule.text), *stated, *known));
  }
  rule.id = known ? *known : stated.value_or(next_id());
  if (!known) require_free(file, rule.text, rule.id);
  const auto [place, is_new] = places_.emplace(rule.text, rules_.size());
  if (is_new) {
    owners_[rule.id] = rules_.size();
    highest_ = std::max(highest_, rule.id);
    rules_.push_back(std::move(rule));
  } else {
    rules_[place->second] = std::move(rule);
  }
}

std::vector<AddedTokenRule> AddedTokenList::by_id() const {
  std::vector<AddedTokenRule> rules = rules_;
  std::ranges::sort(rules, {}, &AddedTokenRule::id);
  return rules;
}

AddedTokenRule read_added_token(const Path& file, const std::string& place, const Json& entry,
                                bool special_by_default) {
  const auto content = entry.is_object() ? entry.find("content") : entry.end();
  if (!entry.is_object() || content == entry.end() || !content->is_string() ||
      content->get_ref<const std::string&>().empty()) {
    refuse_file(file, place + " has an entry without content");
  }
  AddedTokenRule rule;
  rule.text = content->get<std::string>();
  static const std::set<std::string> keys = {"id",     "content",    "special", "single_word",
                                             "lstrip", "normalized", "rstrip",  "__type"};
  for (const auto& [key, value] : entry.items()) {
    if (!keys.contains(key)) {
      refuse_file(file, "added token " + in_quotes(rule.text) + " has the key " + in_quotes(key) +
                            ", which is not known; remove it if it changes nothing");
    }
  }
  rule.special = flag_of(file, rule.text, entry, "special", special_by_default);
  rule.single_word = flag_of(file, rule.text, entry, "single_word", false);
  rule.lstrip = flag_of(file, rule.text, entry, "lstrip", false);
  rule.rstrip = flag_of(file, rule.text, entry, "rstrip", false);
  rule.normalized = flag_of(file, rule.text, entry, "normalized", !rule.special);
  return rule;
}

}  // namespace medgen::text
