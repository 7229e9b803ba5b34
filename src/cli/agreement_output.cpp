// See the header.
#include "cli/agreement_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/terminal.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;
using Then = why::Branch::Then;

constexpr int kMostIndent = 24;  // columns; deeper branches stand beneath each other

std::string share_text(const report::AgreedShare& share) {
  return fmt::format("{:5} {:5.1f}% [{:5.1f}, {:5.1f}]", share.count, 100 * share.share,
                     100 * share.interval.low, 100 * share.interval.high);
}

std::string words_text(const report::AgreedBranch& branch) {
  std::string words = branch.words;
  const auto add = [&](const char* what) {
    words += (words.empty() ? "" : " ") + std::string(what);
  };
  if (branch.then == Then::kEnds) add("(ends)");
  if (branch.then == Then::kCut) add("(cut off by a limit)");
  return words.empty() ? "(they part at once)" : words;
}

class AgreementText {
 public:
  AgreementText(const report::Agreement& agreement, const AgreementStyle& style)
      : agreement_(agreement), style_(style) {}

  std::string take() {
    add(fmt::format("where {} continuations agree and part", agreement_.continuations));
    add_paragraph(report::agreement_meaning());
    add(
        fmt::format("\ncount  share [{:.0f} % interval]  branches, in alphabetical order; those of "
                    "fewer than {} are summed up",
                    100 * agreement_.confidence, style_.fewest));
    if (!agreement_.branches.empty()) add_branch(0);
    add_entropies();
    add_terms();
    return std::move(out_);
  }

 private:
  void add(const std::string& line) {
    const std::string shown = visible(line);
    out_ += (style_.columns > 0 ? fitted(shown, style_.columns) : shown) + "\n";
  }

  // Between words, so that nothing of it is cut off.
  void add_paragraph(std::string_view text) {
    const auto most = static_cast<std::size_t>(style_.columns > 0 ? style_.columns : 100);
    while (!text.empty()) {
      std::size_t end = text.size();
      if (end > most) {
        const std::size_t blank = text.rfind(' ', most);
        end = blank == std::string_view::npos ? text.find(' ') : blank;
      }
      out_ += std::string(text.substr(0, end)) + "\n";
      text.remove_prefix(std::min(text.size(), end == std::string_view::npos ? end : end + 1));
    }
  }

  static std::string indent_of(int depth) {
    return std::string(static_cast<std::size_t>(std::min(2 * depth, kMostIndent)), ' ');
  }

  // A branch and those beneath it; `branches` stand in such order that a branch's own follow it.
  void add_branch(int index) {
    const report::AgreedBranch& branch = agreement_.branches[static_cast<std::size_t>(index)];
    const int rest = report::summed_up(agreement_, index, style_.fewest);
    const std::string beginning = share_text(branch.share) + "  " + indent_of(branch.depth);
    // Where nobody goes on together, a line of its own would say no more.
    std::string words = visible(words_text(branch)) + (rest == branch.share.count ? " …" : "");
    if (style_.columns > 0) {
      words = fitted(words, std::max(style_.columns - static_cast<int>(beginning.size()), 8));
    }
    out_ += beginning + (style_.color ? "\x1b[1m" + words + "\x1b[0m" : words) + "\n";
    for (std::size_t i = static_cast<std::size_t>(index) + 1; i < agreement_.branches.size(); ++i) {
      const report::AgreedBranch& part = agreement_.branches[i];
      if (part.depth <= branch.depth) break;
      if (part.parent == index && part.share.count >= style_.fewest)
        add_branch(static_cast<int>(i));
    }
    if (rest > 0 && rest < branch.share.count) {
      add(fmt::format("{:5} {:23}{}({})", rest, "", indent_of(branch.depth + 1),
                      report::summed_up_words(rest, style_.fewest)));
    }
  }

  void add_entropies() {
    add("\n word  together  entropy [interval], bits  the model's own, bits");
    for (const report::AgreedPlace& place : agreement_.places) {
      if (!place.entropy) break;
      const std::string interval =
          place.interval
              ? fmt::format(" [{:.2f}, {:.2f}]", place.interval->low, place.interval->high)
              : std::string();
      add(fmt::format("{:5} {:9}  {:24}  {}", place.number, place.together,
                      fmt::format("{:.2f}{}", *place.entropy, interval),
                      place.model_entropy ? fmt::format("{:.2f}", *place.model_entropy) : "-"));
    }
  }

  void add_terms() {
    add(agreement_.terms_given
            ? std::string("\ncount  share [interval]           terms of the list, in alphabetical "
                          "order")
            : fmt::format("\ncount  share [interval]           content words of at least {} "
                          "continuations, in alphabetical order",
                          style_.fewest));
    for (const report::AgreedTerm& term : agreement_.terms) {
      add(share_text(term.share) + "  " + term.text);
    }
  }

  const report::Agreement& agreement_;
  AgreementStyle style_;
  std::string out_;
};

const char* then_word(Then then) {
  switch (then) {
    case Then::kParts:
      return "parts";
    case Then::kEnds:
      return "ends";
    case Then::kCut:
      return "cut";
  }
  return "";
}

void add_share_json(Json& json, const report::AgreedShare& share) {
  json["count"] = share.count;
  json["share"] = share.share;
  json["interval"] = {share.interval.low, share.interval.high};
}

}  // namespace

std::string agreement_text(const report::Agreement& agreement, const AgreementStyle& style) {
  return AgreementText(agreement, style).take();
}

Json agreement_json(const report::Agreement& agreement) {
  Json json = {{"continuations", agreement.continuations},
               {"confidence", agreement.confidence},
               {"resamples", agreement.resamples},
               {"meaning", report::agreement_meaning()}};
  Json& branches = json["branches"] = Json::array();
  for (const report::AgreedBranch& branch : agreement.branches) {
    Json one = {{"parent", branch.parent < 0 ? Json(nullptr) : Json(branch.parent)},
                {"words_before", branch.words_before},
                {"words", branch.words},
                {"then", then_word(branch.then)}};
    add_share_json(one, branch.share);
    one["continuations"] = branch.members;
    branches.push_back(std::move(one));
  }
  Json& places = json["words"] = Json::array();
  for (const report::AgreedPlace& place : agreement.places) {
    Json one = {{"word", place.number}, {"together", place.together}};
    one["entropy_bits"] = place.entropy ? Json(*place.entropy) : Json(nullptr);
    one["entropy_interval"] =
        place.interval ? Json{place.interval->low, place.interval->high} : Json(nullptr);
    one["with_word"] = place.with_word;
    one["model_entropy_bits"] = place.model_entropy ? Json(*place.model_entropy) : Json(nullptr);
    places.push_back(std::move(one));
  }
  json["terms_given"] = agreement.terms_given;
  Json& terms = json["terms"] = Json::array();
  for (const report::AgreedTerm& term : agreement.terms) {
    Json one = {{"term", term.text}};
    add_share_json(one, term.share);
    terms.push_back(std::move(one));
  }
  return json;
}

}  // namespace medgen::cli
