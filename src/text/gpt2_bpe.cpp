// GPT-2's byte-level byte-pair encoding: see gpt2_bpe.h.
#include "text/gpt2_bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "medgen/error.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace medgen::text {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

constexpr TokenId kGone = -1;
// A longer word, hardly one of a language, leaves no memory behind for the next.
constexpr std::size_t kLongWord = 4096;

// A token of the word being built, in a doubly linked list. Merging extends the left one and
// removes the right one. There is one for each byte of a word, so its size counts.
struct Symbol {
  TokenId id;  // or kGone
  std::uint32_t previous;
  std::uint32_t next;
};

// A merge that was possible when queued. The lowest rank goes first; on ties, the leftmost.
struct Candidate {
  std::uint32_t rank;
  std::uint32_t at;
};
bool later(const Candidate& a, const Candidate& b) {
  return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
}

std::uint64_t pair_key(TokenId left, TokenId right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

struct Gpt2Bpe::Scratch {
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

Gpt2Bpe::Gpt2Bpe(Gpt2Vocabulary vocabulary, const std::string& source)
    : pre_tokenizer_(std::move(vocabulary.pre_tokenizer)),
      pieces_(std::move(vocabulary.pieces)),
      unknown_(vocabulary.unknown),
      fuse_unknown_(vocabulary.fuse_unknown),
      roles_(vocabulary.roles),
      frame_(std::move(vocabulary.frame)),
      vocab_size_(std::min(static_cast<int>(pieces_.size()),
                           vocabulary.id_limit.value_or(std::numeric_limits<int>::max()))) {
  if (!vocabulary.normalizer.empty()) {
    normalize_ = [steps = std::move(vocabulary.normalizer)](std::string_view text) {
      return normalized(text, steps);
    };
  }
  bytes_.reserve(pieces_.size());
  for (const std::string& piece : pieces_) bytes_.push_back(bytes_of_piece(piece));
  for (const AddedTokenRule& token : vocabulary.added) {
    bytes_[static_cast<std::size_t>(token.id)] = token.text;
    if (token.id < vocab_size_) added_.push_back({token.text, token.id, token.special});
  }
  tokens_ = AddedTokens(vocabulary.added, normalize_, source);
  for (std::optional<TokenId>* role : {&roles_.bos, &roles_.eos, &roles_.pad, &roles_.unk}) {
    if (*role && **role >= vocab_size_) role->reset();
  }
  for (const auto* ids : {&frame_.before, &frame_.after}) {
    for (const TokenId id : *ids) {
      if (id < vocab_size_) continue;
      throw Error(ErrorCode::kModel,
                  fmt::format("{}: the id {} is put around every text, but is beyond the {} ids "
                              "that there are; give the tokenizer that the model was trained with",
                              source, id, vocab_size_));
    }
  }

  for (std::size_t byte = 0; byte < 256; ++byte) {
    const auto found = vocabulary.ids.find(byte_spellings()[byte]);
    knows_every_byte_ = knows_every_byte_ && found != vocabulary.ids.end();
    byte_ids_[byte] = found != vocabulary.ids.end() ? found->second : unknown_.value_or(kGone);
  }
  if (vocabulary.ignore_merges) {
    for (const auto& [piece, id] : vocabulary.ids) words_[bytes_of_piece(piece)] = id;
  }
  merges_.reserve(vocabulary.merges.size());
  results_.reserve(vocabulary.merges.size());
  std::uint32_t rank = 0;
  for (const auto& merge : vocabulary.merges) {
    merges_[pair_key(merge.left, merge.right)] = {rank++, merge.result};
    results_.push_back(merge.result);
  }
}

std::size_t Gpt2Bpe::checked(TokenId id) const {
  if (id < 0 || id >= vocab_size()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("token id {} is not in this vocabulary; ids go from 0 to {}", id,
                            vocab_size() - 1));
  }
  return static_cast<std::size_t>(id);
}

const Gpt2Bpe::Merge* Gpt2Bpe::find_merge(TokenId left, TokenId right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void Gpt2Bpe::read_bytes(std::string_view word, std::vector<TokenId>& out) const {
  bool unknown_before = false;
  for (const char c : word) {
    const auto byte = static_cast<unsigned char>(c);
    const TokenId id = byte_ids_[byte];
    const bool is_unknown = unknown_ && id == *unknown_;
    if (id != kGone && !(is_unknown && unknown_before && fuse_unknown_)) out.push_back(id);
    unknown_before = is_unknown;
  }
}

void Gpt2Bpe::encode_word(std::string_view word, Scratch& scratch,
                          std::vector<TokenId>& out) const {
  if (!words_.empty()) {
    const auto found = words_.find(std::string(word));
    if (found != words_.end()) {
      out.push_back(found->second);
      return;
    }
  }
  std::vector<Symbol>& symbols = scratch.symbols;
  std::vector<Candidate>& heap = scratch.heap;
  symbols.clear();
  heap.clear();
  // Bytes without a token are dropped, and those beside them meet.
  std::vector<TokenId> known;
  if (!knows_every_byte_) read_bytes(word, known);
  const auto size = static_cast<std::uint32_t>(knows_every_byte_ ? word.size() : known.size());
  if (size > kLongWord) {
    symbols.reserve(size);
    heap.reserve(std::size_t{2} * size);  // a merge takes one away and adds two at most
  }
  for (std::uint32_t i = 0; i < size; ++i) {
    const TokenId id =
        knows_every_byte_ ? byte_ids_[static_cast<unsigned char>(word[i])] : known[i];
    symbols.push_back({id, i == 0 ? kNone : i - 1, i + 1 == size ? kNone : i + 1});
  }
  const auto note = [&](std::uint32_t left, std::uint32_t right) {
    if (left == kNone || right == kNone) return;
    if (const Merge* merge = find_merge(symbols[left].id, symbols[right].id)) {
      heap.push_back({merge->rank, left});
      std::ranges::push_heap(heap, later);
    }
  };
  for (std::uint32_t i = 0; i + 1 < size; ++i) note(i, i + 1);

  while (!heap.empty()) {
    const Candidate best = heap.front();
    std::ranges::pop_heap(heap, later);
    heap.pop_back();
    Symbol& left = symbols[best.at];
    if (left.id == kGone || left.next == kNone) continue;
    // Its neighbours may have changed since it was queued; the reference checks the same.
    const Merge* merge = find_merge(left.id, symbols[left.next].id);
    if (merge == nullptr || merge->result != results_[best.rank]) continue;
    Symbol& right = symbols[left.next];
    right.id = kGone;
    left.id = merge->result;
    left.next = right.next;
    if (left.next != kNone) symbols[left.next].previous = best.at;
    note(left.previous, best.at);
    note(best.at, left.next);
  }
  if (size > kLongWord) {
    std::vector<Candidate>().swap(heap);
    const auto gone = std::ranges::count(symbols, kGone, &Symbol::id);
    const std::size_t needed = out.size() + symbols.size() - static_cast<std::size_t>(gone);
    if (needed > out.capacity()) out.reserve(std::max(needed, out.capacity() + out.capacity() / 2));
  }
  for (std::uint32_t i = 0; i != kNone && i < size; i = symbols[i].next) {
    out.push_back(symbols[i].id);
  }
  if (size > kLongWord) std::vector<Symbol>().swap(symbols);
}

std::vector<TokenId> Gpt2Bpe::encode(std::string_view text, Specials specials) const {
  require_utf8(text, "the text");
  if (text.size() >= kNone) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the text has {} bytes; at most {} can be tokenized at once",
                            text.size(), kNone - 1));
  }
  std::vector<TokenId> ids;
  Scratch scratch;
  const std::function<void(std::string_view)> on_word = [&](std::string_view word) {
    encode_word(word, scratch, ids);
  };
  const auto on_token = [&](TokenId id) { ids.push_back(id); };
  tokens_.split(text, specials, normalize_, on_token,
                [&](std::string_view part) { pre_tokenizer_.split(part, on_word); });
  require_ids_of_model(ids, vocab_size_);
  return ids;
}

std::string Gpt2Bpe::decode(std::span<const TokenId> ids) const {
  std::string bytes;
  for (const TokenId id : ids) bytes += bytes_[checked(id)];
  return replace_invalid_utf8(bytes);
}

std::string Gpt2Bpe::token_bytes(TokenId id) const { return bytes_[checked(id)]; }
std::string Gpt2Bpe::piece(TokenId id) const { return pieces_[checked(id)]; }

}  // namespace medgen::text
