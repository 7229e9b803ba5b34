// See the header.
#include "terminal/block_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "terminal/wrap.h"

namespace medgen::terminal {
namespace {

constexpr std::string_view kSeam = "\xE2\x96\xB8";  // ▸ stands where the typed text ends
constexpr std::string_view kBar = "\xE2\x94\x82 ";  // │ at rows with generated text
constexpr std::string_view kNoBar = "  ";
constexpr int kBarWidth = 2;
constexpr std::string_view kRule = "\xE2\x94\x80";  // ─
constexpr int kRuleColumns = 42;                    // it need not cross a wide window
constexpr std::string_view kGap = "   ";
constexpr int kGapWidth = 3;
constexpr int kWideWindow = 120;
constexpr int kNarrowestBlock = 36;
constexpr std::string_view kTyped = "\x1b[2m";
constexpr std::string_view kGenerated = "\x1b[1m";
constexpr std::string_view kOrdinary = "\x1b[0m";

std::string rules(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += kRule;
  return out;
}

Row mark_row(const BlockText& block, int columns) {
  std::string mark = rules(2) + " " + mark_of(block) + " ";
  // The rows are cut after whole characters.
  std::size_t size = 0;
  int width = 0;
  while (size < mark.size()) {
    const std::size_t more = first_character(std::string_view(mark).substr(size));
    const int more_width = width_of(std::string_view(mark).substr(size, more));
    if (width + more_width > columns) break;
    size += more;
    width += more_width;
  }
  mark.resize(size);
  const int rest = std::max(0, std::min(columns, kRuleColumns) - width);
  return {mark + rules(rest), width + rest};
}

// `text` of a row that ends before or goes on behind `seam`.
std::string styled(std::string_view text, std::size_t typed, bool color) {
  if (!color) return std::string(text);
  std::string out;
  if (typed > 0) out = fmt::format("{}{}{}", kTyped, text.substr(0, typed), kOrdinary);
  if (typed < text.size()) out += fmt::format("{}{}{}", kGenerated, text.substr(typed), kOrdinary);
  return out;
}

std::vector<Row> rows_of(const BlockText& block, int columns, bool color) {
  std::vector<Row> rows = {mark_row(block, columns)};
  const std::string text = fmt::format("{}{}{}", block.typed, kSeam, block.generated);
  const std::size_t seam = block.typed.size();
  for (const auto [begin, end] : wrap(text, std::max(1, columns - kBarWidth))) {
    const std::string_view row = std::string_view(text).substr(begin, end - begin);
    const std::size_t typed = seam <= begin ? 0 : std::min(end, seam) - begin;
    rows.push_back({std::string(end > seam ? kBar : kNoBar) + styled(row, typed, color),
                    kBarWidth + width_of(row)});
  }
  return rows;
}

// The mark line and as much of the end as fits.
void shorten(std::vector<Row>& rows, int limit) {
  const int surplus = static_cast<int>(rows.size()) - limit;
  if (surplus > 0) rows.erase(rows.begin() + 1, rows.begin() + 1 + surplus);
}

std::vector<Row> beside_one_another(const std::vector<std::vector<Row>>& blocks, int columns) {
  std::size_t height = 0;
  for (const auto& rows : blocks) height = std::max(height, rows.size());
  std::vector<Row> joined(height);
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    const int begin = static_cast<int>(block) * (columns + kGapWidth);
    for (std::size_t i = 0; i < blocks[block].size(); ++i) {
      Row& row = joined[i];
      const int blanks = begin - row.width;
      row.text += std::string(static_cast<std::size_t>(blanks), ' ') + blocks[block][i].text;
      row.width = begin + blocks[block][i].width;
    }
  }
  return joined;
}

}  // namespace

std::string mark_of(const BlockText& block) {
  return fmt::format("machine {}/{} \xC2\xB7 seed {}{}{}", block.number, block.count, block.seed,
                     block.note.empty() ? "" : " \xC2\xB7 ", block.note);
}

std::vector<Row> block_rows(const std::vector<BlockText>& blocks, int columns, int limit,
                            bool color) {
  const int count = static_cast<int>(blocks.size());
  int beside = 1;
  if (columns >= kWideWindow)
    beside = std::clamp((columns + kGapWidth) / (kNarrowestBlock + kGapWidth), 1, count);
  const int width = (columns - (beside - 1) * kGapWidth) / beside;
  const int groups = (count + beside - 1) / beside;
  // A blank row stands between groups.
  const int share = limit == 0 ? 0 : (limit - (groups - 1)) / groups;

  std::vector<std::vector<Row>> made;
  int whole = groups - 1;
  for (int first = 0; first < count; first += beside) {
    std::size_t height = 0;
    for (int i = first; i < std::min(count, first + beside); ++i) {
      made.push_back(rows_of(blocks[static_cast<std::size_t>(i)], width, color));
      height = std::max(height, made.back().size());
    }
    whole += static_cast<int>(height);
  }
  const bool too_long = limit > 0 && whole > limit;
  std::vector<Row> rows;
  for (int first = 0; first < count; first += beside) {
    std::vector<std::vector<Row>> group;
    for (int i = first; i < std::min(count, first + beside); ++i) {
      group.push_back(std::move(made[static_cast<std::size_t>(i)]));
      if (too_long) shorten(group.back(), std::max(2, share));
    }
    if (first > 0) rows.emplace_back();
    for (Row& row : beside_one_another(group, width)) rows.push_back(std::move(row));
  }
  if (limit > 0 && static_cast<int>(rows.size()) > limit)
    rows.erase(rows.begin(), rows.end() - limit);
  return rows;
}

std::string plain_block(const BlockText& block) {
  std::string out = mark_of(block) + "\n";
  const auto add = [&out](std::string_view who, std::string_view text) {
    while (true) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      out += fmt::format("{}: {}\n", who, text.substr(0, end));
      if (end == text.size()) return;
      text.remove_prefix(end + 1);
    }
  };
  add("typed", block.typed);
  add("machine", block.generated);
  return out + "\n";
}

}  // namespace medgen::terminal
