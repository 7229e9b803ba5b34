// See the header. What is computed, and in which type, is what EncodeOptimized() of the library's
// unigram_model.cc does (0.1.97 to 0.2.1).
#include "text/unigram.h"

#include <algorithm>
#include <cfloat>
#include <cstring>
#include <limits>
#include <string>

#include "text/utf8.h"
#include "text/wire_reader.h"

namespace medgen::text {
namespace {

constexpr std::string_view kSpacePiece = "\xE2\x96\x81";  // U+2581 stands for a space
constexpr std::uint32_t kNowhere = std::numeric_limits<std::uint32_t>::max();
constexpr float kUnknownPenalty = 10.0F;

// Types of pieces in a tokenizer.model.
enum PieceType : std::uint64_t {
  kNormalPiece = 1,
  kUnknownPiece = 2,
  kUserDefinedPiece = 4,
  kUnusedPiece = 5,
  kBytePiece = 6
};

std::size_t bytes_of_character(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

// The best way to where it lies: its last piece.
struct Unigram::Best {
  TokenId id = -1;
  float score = 0;                 // of the whole way
  std::uint32_t start = kNowhere;  // of the last piece
};

struct Unigram::Parser {
  struct Piece {
    std::string_view text;
    float score = 0;
    std::uint64_t type = kNormalPiece;
  };
  std::vector<Piece> pieces;
  std::uint64_t model_type = 1, space_is_suffix = 0, byte_fallback = 0;
  std::uint64_t removes_spaces = 1, escapes_spaces = 1;
  bool has_rules = false;

  void read_piece(std::string_view message) {
    Piece& piece = pieces.emplace_back();
    WireReader reader(message);
    for (WireField field; !reader.done() && reader.next(field);) {
      if (field.number == 1) piece.text = field.bytes;
      if (field.number == 2 && field.bytes.size() == sizeof piece.score)
        std::memcpy(&piece.score, field.bytes.data(), sizeof piece.score);
      if (field.number == 3) piece.type = field.value;
    }
  }

  // Messages that follow each other overwrite what they have.
  void read_training(std::string_view message) {
    WireReader reader(message);
    for (WireField field; !reader.done() && reader.next(field);) {
      if (field.number == 3) model_type = field.value;
      if (field.number == 24) space_is_suffix = field.value;
      if (field.number == 35) byte_fallback = field.value;
    }
  }

  void read_normalizer(std::string_view message) {
    WireReader reader(message);
    for (WireField field; !reader.done() && reader.next(field);) {
      if (field.number == 2) has_rules = !field.bytes.empty();
      if (field.number == 4) removes_spaces = field.value;
      if (field.number == 5) escapes_spaces = field.value;
    }
  }

  void read(std::string_view model) {
    WireReader reader(model);
    for (WireField field; !reader.done() && reader.next(field);) {
      if (field.number == 1) read_piece(field.bytes);
      if (field.number == 2) read_training(field.bytes);
      if (field.number == 3) read_normalizer(field.bytes);
    }
  }

  bool is_plain_unigram() const {
    return model_type == 1 && space_is_suffix == 0 && !has_rules && removes_spaces == 0 &&
           escapes_spaces != 0;
  }
};

std::unique_ptr<const Unigram> Unigram::read(std::string_view model) {
  Parser parser;
  parser.read(model);
  if (!parser.is_plain_unigram()) return nullptr;
  auto unigram = std::make_unique<Unigram>();
  unigram->byte_fallback_ = parser.byte_fallback != 0;
  unigram->lowest_ = FLT_MAX;
  unigram->highest_ = FLT_MIN;
  std::vector<std::pair<std::string_view, TokenId>> pieces;
  std::vector<Kind> kinds;
  for (const Parser::Piece& piece : parser.pieces) {
    const auto id = static_cast<TokenId>(kinds.size());
    kinds.push_back(Kind::kNone);
    unigram->scores_.push_back(piece.score);
    if (piece.type == kUnknownPiece) unigram->unknown_ = id;
    if (piece.type == kBytePiece && piece.text.size() == 6)  // "<0x0A>"
      unigram->byte_ids_[std::stoul(std::string(piece.text.substr(3, 2)), nullptr, 16)] = id;
    if (piece.type == kNormalPiece) {
      unigram->lowest_ = std::min(unigram->lowest_, piece.score);
      unigram->highest_ = std::max(unigram->highest_, piece.score);
    }
    if (piece.type != kNormalPiece && piece.type != kUserDefinedPiece) continue;
    // No text is cut in the middle of a character, and the library's tree ends a piece at a NUL.
    if (piece.text.find('\0') != piece.text.npos || find_invalid_utf8(piece.text)) return nullptr;
    kinds.back() = piece.type == kUserDefinedPiece ? Kind::kUserDefined : Kind::kPiece;
    pieces.emplace_back(piece.text, id);
  }
  if (unigram->unknown_ < 0) return nullptr;
  unigram->build_tree(std::move(pieces), kinds);
  return unigram;
}

void Unigram::build_tree(std::vector<std::pair<std::string_view, TokenId>> pieces,
                         const std::vector<Kind>& kinds) {
  std::ranges::sort(pieces);
  // The pieces below a node, and how many bytes it has.
  struct Part {
    std::size_t begin, end, depth;
  };
  std::vector<Part> parts = {{0, pieces.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t i = 0; i < parts.size(); ++i) {  // both grow together
    auto [begin, end, depth] = parts[i];
    if (begin < end && pieces[begin].first.size() == depth) {
      nodes_[i].id = pieces[begin].second;
      nodes_[i].kind = kinds[static_cast<std::size_t>(pieces[begin].second)];
      ++begin;
    }
    nodes_[i].first_child = static_cast<std::uint32_t>(nodes_.size());
    while (begin < end) {
      const char byte = pieces[begin].first[depth];
      std::size_t next = begin;
      while (next < end && pieces[next].first[depth] == byte) ++next;
      parts.push_back({begin, next, depth + 1});
      nodes_.emplace_back();
      nodes_.back().byte = static_cast<unsigned char>(byte);
      ++nodes_[i].n_children;
      begin = next;
    }
  }
}

const Unigram::Node* Unigram::child(const Node& node, char byte) const {
  const auto wanted = static_cast<unsigned char>(byte);
  const auto* first = nodes_.data() + node.first_child;
  const auto* last = first + node.n_children;
  const auto* found = std::lower_bound(first, last, wanted,
                                       [](const Node& a, unsigned char b) { return a.byte < b; });
  return found != last && found->byte == wanted ? found : nullptr;
}

void Unigram::find_best(std::string_view text, std::vector<Best>& best) const {
  const float unknown_score = lowest_ - kUnknownPenalty;
  for (std::size_t start = 0; start < text.size();) {
    const float until_here = best[start].score;
    const auto reach = [&](std::size_t end, auto score, TokenId id) {
      Best& target = best[end];
      if (target.start != kNowhere && !(score > target.score)) return;
      target.score = static_cast<float>(score);
      target.start = static_cast<std::uint32_t>(start);
      target.id = id;
    };
    const bool space = text[start] == ' ';
    const std::size_t character = space ? kSpacePiece.size() : bytes_of_character(text[start]);
    bool is_known = false;
    const Node* node = nodes_.data();
    std::size_t length = 0;  // with each space as its piece
    for (std::size_t at = start; at < text.size();) {
      const std::string_view bytes = text[at] == ' ' ? kSpacePiece : text.substr(at, 1);
      for (std::size_t i = 0; i < bytes.size() && node != nullptr; ++i)
        node = child(*node, bytes[i]);
      if (node == nullptr) break;
      length += bytes.size();
      ++at;
      if (node->kind == Kind::kNone) continue;
      const double score = node->kind == Kind::kUserDefined
                               ? static_cast<float>(length) * highest_ - 0.1
                               : scores_[static_cast<std::size_t>(node->id)];
      reach(at, score + until_here, node->id);
      if (length == character) is_known = true;
    }
    const std::size_t next = start + (space ? 1 : character);
    if (!is_known) reach(next, unknown_score + until_here, unknown_);
    start = next;
  }
}

std::vector<TokenId> Unigram::encode(std::string_view text, bool dummy_prefix) const {
  if (text.empty()) return {};
  std::string prefixed;
  if (dummy_prefix) {
    prefixed.reserve(text.size() + 1);
    prefixed = " ";
    prefixed += text;
    text = prefixed;
  }
  std::vector<Best> best(text.size() + 1);
  find_best(text, best);
  // From the end to the start, twice: how many ids there are, then which.
  const auto ids_of = [&](const Best& last, std::size_t end) -> std::size_t {
    if (last.id != unknown_) return 1;
    if (!byte_fallback_)  // unknown characters beside each other are one
      return last.start > 0 && best[last.start].id == unknown_ ? 0 : 1;
    return text[last.start] == ' ' ? kSpacePiece.size() : end - last.start;
  };
  std::size_t count = 0;
  for (std::size_t end = text.size(); end > 0; end = best[end].start)
    count += ids_of(best[end], end);
  std::vector<TokenId> ids(count);
  for (std::size_t end = text.size(); end > 0; end = best[end].start) {
    const Best& last = best[end];
    const std::size_t n = ids_of(last, end);
    count -= n;
    if (last.id != unknown_ || !byte_fallback_) {
      if (n > 0) ids[count] = last.id;
      continue;
    }
    const std::string_view bytes =
        text[last.start] == ' ' ? kSpacePiece : text.substr(last.start, n);
    for (std::size_t i = 0; i < n; ++i)
      ids[count + i] = byte_ids_[static_cast<unsigned char>(bytes[i])];
  }
  return ids;
}

}  // namespace medgen::text
