// See the header.
#include "terminal/block_layout.h"

#include <fmt/format.h>

#include <algorithm>

#include "terminal/wrap.h"

namespace medgen::terminal {
namespace {

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

// The mark line and as many of the last rows as fit into `limit`; 0 for all.
std::vector<Row> rows_of(const BlockText& block, int columns, int limit, bool color) {
  std::vector<Row> rows = {mark_row(block, columns)};
  std::size_t count = block.rows.size();
  if (limit > 0) count = std::min(count, static_cast<std::size_t>(limit) - 1);
  for (const auto [begin, end] : block.rows.last(count)) {
    const std::string_view row = block.text.substr(begin, end - begin);
    const std::size_t typed = block.typed <= begin ? 0 : std::min(end, block.typed) - begin;
    rows.push_back({std::string(end > block.typed ? kBar : kNoBar) + styled(row, typed, color),
                    kBarWidth + width_of(row)});
  }
  return rows;
}

struct Arrangement {
  int beside;  // so many in a group
  int groups;  // below one another
  int width;   // of each block
};

Arrangement arrange(int count, int columns) {
  int beside = 1;
  if (columns >= kWideWindow)
    beside = std::clamp((columns + kGapWidth) / (kNarrowestBlock + kGapWidth), 1, count);
  return {beside, (count + beside - 1) / beside, (columns - (beside - 1) * kGapWidth) / beside};
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

int text_columns(int count, int columns) {
  return std::max(1, arrange(count, columns).width - kBarWidth);
}

std::vector<Row> block_rows(const std::vector<BlockText>& blocks, int columns, int limit,
                            bool color) {
  const int count = static_cast<int>(blocks.size());
  const auto [beside, groups, width] = arrange(count, columns);
  std::vector<std::span<const BlockText>> parts;
  std::size_t whole = static_cast<std::size_t>(groups) - 1;  // a blank row between two
  for (std::size_t first = 0; first < blocks.size(); first += static_cast<std::size_t>(beside)) {
    const std::size_t size = std::min(blocks.size() - first, static_cast<std::size_t>(beside));
    parts.push_back(std::span(blocks).subspan(first, size));
    std::size_t height = 0;
    for (const BlockText& block : parts.back()) height = std::max(height, block.rows.size() + 1);
    whole += height;
  }
  const bool too_long = limit > 0 && whole > static_cast<std::size_t>(limit);
  const int share = too_long ? std::max(2, (limit - (groups - 1)) / groups) : 0;

  std::vector<Row> rows;
  for (const auto part : parts) {
    std::vector<std::vector<Row>> group;
    for (const BlockText& block : part) group.push_back(rows_of(block, width, share, color));
    if (!rows.empty()) rows.emplace_back();
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
  add("typed", block.text.substr(0, block.typed));
  add("machine", block.text.substr(block.typed + kSeam.size()));
  return out + "\n";
}

}  // namespace medgen::terminal
