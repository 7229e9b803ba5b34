// The branches of continuations as a picture: blocks from left to right, as high as their shares.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "report/agree_page.h"
#include "report/chart_parts.h"

namespace medgen::report {
namespace {

constexpr double kColumnWidth = 190, kColumnGap = 26, kEdge = 8;
constexpr double kLineHeight = 16;  // of a word's label
constexpr std::size_t kLabelCharacters = 24;
constexpr int kMostColumns = 12;
constexpr double kMostHeight = 1200;  // where blocks need no more for their labels

constexpr const char* kBranchStyle =
    "<style>svg.branches{background:#fff;color:#222}svg.branches text{font:12px sans-serif;"
    "fill:currentColor}.branches rect{fill:#0072b2;fill-opacity:.16;stroke:#0072b2}"
    ".branches .rest rect{fill:currentColor;fill-opacity:.06;stroke:currentColor;"
    "stroke-opacity:.35;stroke-dasharray:3 3}.branches path{fill:#0072b2;fill-opacity:.1}"
    ".branches g:focus{outline:none}.branches g:focus rect{stroke-width:3}"
    "@media(prefers-color-scheme:dark){svg.branches{background:#16181c;color:#e6e6e6}}</style>\n";

// Whole characters, at most `most` of them.
std::string shortened(const std::string& words, std::size_t most) {
  std::size_t characters = 0, at = 0;
  while (at < words.size() && characters < most) {
    ++at;
    while (at < words.size() && (static_cast<unsigned char>(words[at]) & 0xC0U) == 0x80U) ++at;
    ++characters;
  }
  return at < words.size() ? words.substr(0, at) + "…" : words;
}

class BranchPicture {
 public:
  BranchPicture(const Agreement& agreement, int fewest) : agreement_(agreement), fewest_(fewest) {
    for (std::size_t i = 0; i < agreement.branches.size(); ++i) {
      if (agreement.branches[i].parent >= 0) {
        children_[static_cast<std::size_t>(agreement.branches[i].parent)].push_back(i);
      }
    }
  }

  std::string svg() {
    if (agreement_.branches.empty()) return "";
    const double height = draw(0, kEdge, kEdge) - kEdge;
    const double width = 2 * kEdge + (columns_ + 1) * kColumnWidth + columns_ * kColumnGap;
    return fmt::format(R"(<svg xmlns="http://www.w3.org/2000/svg" class="branches" )"
                       R"(width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" )"
                       R"(role="group" aria-label="Where {2} continuations part">)"
                       "\n",
                       width, height + 2 * kEdge, agreement_.continuations) +
           kBranchStyle + ribbons_ + out_ + "</svg>\n";
  }

 private:
  // Draws a branch and all beneath it from `y` down; where they end. In the markup a branch stands
  // before its parts, so that a keyboard goes through them in reading order.
  double draw(std::size_t index, double x, double y) {
    const AgreedBranch& branch = agreement_.branches[index];
    const std::size_t place = out_.size();
    columns_ = std::max(columns_, branch.depth);
    double end = y;
    if (branch.depth + 1 < kMostColumns) end = draw_parts(index, x, y);
    const double high = std::max(high_of(branch.share.count), end - y - kGap);
    const std::string words =
        branch.words.empty() ? std::string(empty_words(branch)) : branch.words;
    const AgreedShare& share = branch.share;
    const std::string numbers = fmt::format("{} of {}", share.count, agreement_.continuations);
    const std::string title =
        fmt::format("{}: {}, {:.0f} %, interval {:.0f} to {:.0f} %", words, numbers,
                    100 * share.share, 100 * share.interval.low, 100 * share.interval.high);
    out_.insert(place, block(x, y, high, words, numbers, title, false));
    return std::max(end, y + high + kGap);
  }

  double draw_parts(std::size_t index, double x, double y) {
    const double next_x = x + kColumnWidth + kColumnGap;
    for (const std::size_t child : children_[index]) {
      if (agreement_.branches[child].share.count < fewest_) continue;
      const double begin = y;
      y = draw(child, next_x, y);
      ribbon(x + kColumnWidth, begin, next_x, y - kGap);
    }
    const int rest = summed_up(agreement_, static_cast<int>(index), fewest_);
    if (rest == 0) return y;
    columns_ = std::max(columns_, agreement_.branches[index].depth + 1);
    const double high = high_of(rest);
    const std::string words = summed_up_words(rest, fewest_);
    out_ += block(next_x, y, high, words, "", words, true);
    ribbon(x + kColumnWidth, y, next_x, y + high);
    return y + high + kGap;
  }

  void ribbon(double left, double top, double right, double bottom) {
    ribbons_ += fmt::format(
        "<path d=\"M{0:.1f} {1:.1f}L{2:.1f} {1:.1f}L{2:.1f} {3:.1f}L{0:.1f} {3:.1f}Z\"/>\n", left,
        top, right, bottom);
  }

  static std::string_view empty_words(const AgreedBranch& branch) {
    if (branch.then == why::Branch::Then::kEnds) return "(ends)";
    return branch.then == why::Branch::Then::kCut ? "(cut off)" : "(begin)";
  }

  double high_of(int count) const {
    const double unit = std::min(7.0, kMostHeight / std::max(1, agreement_.continuations));
    return std::max(2 * kLineHeight + 4, unit * count);
  }

  static std::string block(double x, double y, double high, const std::string& words,
                           const std::string& numbers, const std::string& title, bool rest) {
    std::string out =
        fmt::format(R"(<g tabindex="0" role="img" aria-label="{0}"{1}><title>{0}</title>)"
                    R"(<rect x="{2:.1f}" y="{3:.1f}" width="{4:.1f}" height="{5:.1f}" rx="3"/>)"
                    R"(<text x="{6:.1f}" y="{7:.1f}">{8}</text>)",
                    escape_markup(title), rest ? " class=\"rest\"" : "", x, y, kColumnWidth, high,
                    x + 7, y + kLineHeight, escape_markup(shortened(words, kLabelCharacters)));
    if (!numbers.empty()) {
      out += fmt::format(R"(<text x="{:.1f}" y="{:.1f}" fill-opacity=".7">{}</text>)", x + 7,
                         y + 2 * kLineHeight - 1, escape_markup(numbers));
    }
    return out + "</g>\n";
  }

  static constexpr double kGap = 6;

  const Agreement& agreement_;
  int fewest_;
  int columns_ = 0;
  std::map<std::size_t, std::vector<std::size_t>> children_;
  std::string ribbons_, out_;
};

}  // namespace

std::string branch_svg(const Agreement& agreement, int fewest) {
  return BranchPicture(agreement, fewest).svg();
}

}  // namespace medgen::report
