// See the header. The rules are in identifiers_rules.cpp.
#include "safety/identifiers.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <memory>

#include "base/refuse.h"
#include "base/value_shown.h"
#include "medgen/error.h"
#include "safety/identifiers_names.h"
#include "safety/identifiers_rules.h"
#include "text/utf8.h"

namespace medgen::safety {
namespace {

constexpr std::array<std::string_view, kIdentifierClasses> kClassNames = {
    "name",   "place",         "date",        "telephone", "fax",     "email",
    "ssn",    "record-number", "plan-number", "account",   "licence", "vehicle",
    "device", "url",           "ip-address",  "biometric", "photo",   "other-number"};

// For one start of a match; rules need far fewer.
constexpr std::uint32_t kMatchLimit = 200'000;

[[noreturn]] void fail_search(const char* what, int code) {
  PCRE2_UCHAR reason[256] = {};
  pcre2_get_error_message(code, reason, sizeof reason);
  throw Error(ErrorCode::kRuntime, fmt::format("PCRE2 {} a rule for identifiers: {}", what,
                                               reinterpret_cast<const char*>(reason)));
}

struct FreePcre2 {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

struct CompiledRule {
  const IdentifierRule* rule;
  std::unique_ptr<pcre2_code, FreePcre2> code;
};

std::vector<CompiledRule> compile_rules() {
  std::vector<CompiledRule> all;
  for (const IdentifierRule& rule : identifier_rules()) {
    int error = 0;
    PCRE2_SIZE offset = 0;
    CompiledRule compiled{&rule, nullptr};
    compiled.code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(rule.pattern.data()),
                                      rule.pattern.size(), PCRE2_UTF, &error, &offset, nullptr));
    if (!compiled.code) fail_search("does not take", error);
    // Where run-time code is forbidden this fails, and the interpreter does the same, slower.
    pcre2_jit_compile(compiled.code.get(), PCRE2_JIT_COMPLETE);
    all.push_back(std::move(compiled));
  }
  return all;
}

const std::vector<CompiledRule>& compiled_rules() {
  static const std::vector<CompiledRule> kRules = compile_rules();
  return kRules;
}

// Collects findings, the earlier rule's first.
class Search {
 public:
  explicit Search(std::string_view text)
      : text_(text),
        taken_(text.size()),
        match_(pcre2_match_data_create(2, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    if (const auto bad = text::find_invalid_utf8(text)) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("the text is not valid UTF-8 at byte {}, so identifiers cannot be "
                              "looked for in it: convert it to UTF-8",
                              *bad));
    }
    if (!match_ || !context_) fail_search("has no memory for", PCRE2_ERROR_NOMEMORY);
    pcre2_set_match_limit(context_.get(), kMatchLimit);
  }

  std::vector<Identifier> run() {
    for (const CompiledRule& rule : compiled_rules()) apply(rule);
    find_listed_names(text_, [this](std::size_t offset, std::size_t length) {
      take({IdentifierClass::kName, offset, length});
    });
    std::sort(found_.begin(), found_.end(),
              [](const Identifier& a, const Identifier& b) { return a.offset < b.offset; });
    return std::move(found_);
  }

 private:
  void apply(const CompiledRule& rule) {
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match_.get());
    for (std::size_t at = 0; at < text_.size();) {
      // Checking UTF-8 again at every match would make this quadratic.
      const int groups =
          pcre2_match(rule.code.get(), reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(), at,
                      PCRE2_NO_UTF_CHECK, match_.get(), context_.get());
      if (groups == PCRE2_ERROR_NOMATCH) return;
      if (groups < 0) fail_search("cannot apply", groups);
      const std::size_t group = groups > 1 ? 1 : 0;
      const std::size_t begin = range[2 * group];
      const std::size_t end = range[2 * group + 1];
      const auto holds = rule.rule->holds;
      if (holds == nullptr || holds(text_.substr(begin, end - begin))) {
        take({rule.rule->kind, begin, end - begin});
      }
      at = range[1];  // no rule matches nothing
    }
  }

  void take(const Identifier& found) {
    const auto begin = taken_.begin() + static_cast<std::ptrdiff_t>(found.offset);
    const auto end = begin + static_cast<std::ptrdiff_t>(found.length);
    if (found.length == 0 || std::find(begin, end, true) != end) return;
    std::fill(begin, end, true);
    found_.push_back(found);
  }

  std::string_view text_;
  std::vector<bool> taken_;
  std::unique_ptr<pcre2_match_data, FreePcre2> match_;
  std::unique_ptr<pcre2_match_context, FreePcre2> context_;
  std::vector<Identifier> found_;
};

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

std::string_view name_of(IdentifierClass kind) {
  return kClassNames.at(static_cast<std::size_t>(kind));
}

std::string_view name_of(IdentifierAction action) {
  return kIdentifierActions.at(static_cast<std::size_t>(action));
}

IdentifierAction identifier_action(std::string_view name) {
  for (std::size_t i = 0; i < kIdentifierActions.size(); ++i) {
    if (kIdentifierActions.at(i) == name) return static_cast<IdentifierAction>(i);
  }
  base::refuse(fmt::format("identifiers is {}: give off, warn, refuse or mask",
                           base::word_shown(name, {"off", "warn", "refuse", "mask"})));
}

std::vector<Identifier> find_identifiers(std::string_view text) { return Search(text).run(); }

std::string mask_identifiers(std::string_view text, const std::vector<Identifier>& found) {
  std::string masked;
  std::size_t at = 0;
  for (const Identifier& one : found) {
    masked += text.substr(at, one.offset - at);
    (masked += '[') += name_of(one.kind);
    masked += ']';
    at = one.offset + one.length;
  }
  return masked += text.substr(at);
}

std::vector<IdentifierPlace> places_of(std::string_view text,
                                       const std::vector<Identifier>& found) {
  std::vector<IdentifierPlace> places;
  std::size_t at = 0;
  std::size_t column = 1;
  for (const Identifier& one : found) {
    column += characters(text.substr(at, one.offset - at));
    at = one.offset;
    places.push_back({column, characters(text.substr(one.offset, one.length))});
  }
  return places;
}

std::vector<std::string> classes_of(const std::vector<Identifier>& found) {
  std::array<bool, kIdentifierClasses> seen{};
  for (const Identifier& one : found) seen.at(static_cast<std::size_t>(one.kind)) = true;
  std::vector<std::string> classes;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen.at(i)) classes.emplace_back(kClassNames.at(i));
  }
  return classes;
}

}  // namespace medgen::safety
