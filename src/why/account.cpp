#include "why/account.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/refuse.h"
#include "base/wipe.h"
#include "text/utf8.h"

namespace medgen::why {
namespace {

constexpr double kTold = 5e-4;  // nats: what rounds to 0.00 is not told

Attribution attribution_by(const Method& method, Erasure& erasure, const AccountOptions& options) {
  const Question& question = erasure.question();
  switch (method.kind) {
    case Method::Kind::kOcclusion:
      return occlusion(erasure, options.include_made);
    case Method::Kind::kShapley:
      return shapley(erasure, {options.permutations, options.seed});
    case Method::Kind::kTokens:
      break;
  }
  std::vector<TokenId> ids = question.prompt.ids;
  ids.insert(ids.end(), question.made.ids.begin(), question.made.ids.end());
  return summed_over_words(method.tokens(ids, question.prompt.ids.size()), question,
                           options.include_made);
}

std::string counted(std::size_t count, const std::string& part) {
  return fmt::format("{} {}{}", count, part, count == 1 ? "" : "s");
}

std::string unit_of(const Account& account) {
  return account.question.contrasts() ? "nats" : "nats a token";
}

// "0.412 nats a token; for 6 random words 0.101 on average (20 others drawn, 0 of them as much)"
std::string test_in_words(const TrustTest& test, const Account& account, const char* as_good) {
  const Trust& trust = *account.trust;
  return fmt::format("{:.3f} {}; for {} random {} {:.3f} on average ({}{} others{}, {} of them {})",
                     test.named, unit_of(account), trust.named, account.part + "s",
                     test.mean_of_others, trust.all_others ? "all " : "", test.others.size(),
                     trust.all_others ? "" : " drawn", test.others_as_good, as_good);
}

std::string verdict_in_words(const Account& account) {
  const std::string parts = account.part + "s";
  if (!account.trust) {
    return fmt::format(
        "Too few {} to test this: with fewer than three nothing can be compared with chance, so "
        "nothing says whether these numbers mean anything.",
        parts);
  }
  switch (account.trust->verdict) {
    case TrustVerdict::kTooFew:
      return fmt::format(
          "Too few {} to tell this from chance: the numbers below are no evidence that they mean "
          "anything.",
          parts);
    case TrustVerdict::kNoBetter:
      return "No better than random: read nothing into the influences below.";
    case TrustVerdict::kPartly:
      return fmt::format(
          "Better than random in part: without the {0} named below the text loses more than "
          "without random ones, but alone they carry it no better than random ones.",
          parts);
    case TrustVerdict::kBetter:
      return fmt::format(
          "Better than random: the {} named below matter more to this text than random ones.",
          parts);
  }
  return {};
}

}  // namespace

Account account_for(Backend& backend, Question question, std::string part,
                    const AccountOptions& options) {
  if (question.made.ids.empty()) {
    base::refuse(
        "the model made no text, so there is nothing to ask about: raise "
        "`max_new_tokens`, or give a `continuation`");
  }
  if (question.prompt.spans.empty()) {
    base::refuse(
        "the text before the continuation has no words, so nothing can be taken out of "
        "it: give a text");
  }
  Account account;
  account.question = std::move(question);
  account.part = std::move(part);
  account.options = options;
  Erasure erasure(backend, account.question, options.before_step);
  account.whole = erasure.whole();
  account.attribution = attribution_by(options.method, erasure, options);
  account.sums = account.attribution.sums();
  account.trust = trust_in(erasure, account.sums, {options.draws, options.seed});
  if (options.other) {
    account.other = attribution_by(*options.other, erasure, options);
    const std::vector<double> sums = account.other->sums();
    const std::size_t spans = account.question.prompt.spans.size();
    account.agreement =
        kendall_tau_b(std::span(account.sums).first(spans), std::span(sums).first(spans));
  }
  return account;
}

std::string Account::source_text(std::size_t source) const {
  const std::size_t spans = question.prompt.spans.size();
  if (source >= spans) return target_text(source - spans);
  return text::replace_invalid_utf8(question.prompt.span_text(source));
}

std::string Account::target_text(std::size_t target) const {
  if (question.contrasts()) return text::replace_invalid_utf8(question.made.span_text(0));
  const std::string_view word = question.made.span_text(target);
  return word.empty() ? "(end)" : text::replace_invalid_utf8(word);
}

void wipe(Account& account) {
  for (MarkedText* text : {&account.question.prompt, &account.question.made}) {
    base::wipe(text->text);
    base::wipe(text->bytes);
    base::wipe(text->ids);
  }
  base::wipe(account.question.instead);
}

std::string readable(std::string_view text) { return text::replace_invalid_utf8(text); }

int shade_of(double value, double largest) {
  const double share = largest > 0 ? std::abs(value) / largest : 0;
  const int level = share >= 2.0 / 3 ? 3 : share >= 1.0 / 3 ? 2 : share >= 0.1 ? 1 : 0;
  return value < 0 ? -level : level;
}

std::vector<std::size_t> leading_sources(const Account& account, std::size_t target,
                                         std::size_t most) {
  const Attribution& found = account.attribution;
  const auto value = [&](std::size_t source) {
    return target == found.targets ? account.sums[source] : found.at(target, source);
  };
  std::vector<std::size_t> order;
  for (std::size_t s = 0; s < found.sources; ++s) {
    if (std::abs(value(s)) >= kTold * 10) order.push_back(s);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::abs(value(a)) > std::abs(value(b));
  });
  order.resize(std::min(order.size(), most));
  return order;
}

std::string trust_in_words(const Account& account) {
  std::string words = verdict_in_words(account);
  if (account.trust) {
    const Trust& trust = *account.trust;
    words += fmt::format(
        " Without the {} of most influence the text loses {}. With these alone it loses {}.",
        counted(trust.named, account.part),
        test_in_words(trust.comprehensiveness, account, "as much"),
        test_in_words(trust.sufficiency, account, "as little"));
    words += trust.correlation
                 ? fmt::format(
                       " What such sets lose and the influence that they are said to have "
                       "correlate with r = {:.2f} (p = {:.3f}).",
                       *trust.correlation, trust.p)
                 : " All sets lose the same.";
  }
  if (account.options.other) {
    words += account.agreement
                 ? fmt::format(
                       " {} and {} order the {}s with Kendall's tau = {:.2f} (1: alike, 0: "
                       "unrelated).",
                       account.options.method.name, account.options.other->name, account.part,
                       *account.agreement)
                 : fmt::format(" {} and {} cannot be compared: one of them finds the same for all.",
                               account.options.method.name, account.options.other->name);
  }
  return words;
}

std::string reading_in_words(const Account& account) {
  const Question& question = account.question;
  const char* out = question.neutral ? "replaced" : "taken out";
  std::string words;
  if (account.options.method.kind == Method::Kind::kTokens) {
    const Method& method = account.options.method;
    words = fmt::format("Influence ({}) as {} defines it.", method.unit, method.name);
    if (account.attribution.gap) {
      words += fmt::format(" On a made token the influences miss their sum by {:.3g} at most.",
                           *account.attribution.gap);
    }
    if (!method.note.empty()) words += " " + method.note;
  } else if (account.options.method.kind == Method::Kind::kShapley) {
    words = fmt::format(
        "Influence (nats): a {}'s Shapley value, its share of what all of them together change of "
        "a made word's log-probability; those left out are {}.",
        account.part, out);
  } else {
    words = fmt::format(
        "Influence (nats): by how much a made word's log-probability falls when a {} is {}; below "
        "0 it rises.",
        account.part, out);
  }
  if (question.contrasts()) {
    words += " Here of the difference between the made word and the other one.";
  }
  return words + " This tells what this model did with this text, and nothing about a person.";
}

}  // namespace medgen::why
