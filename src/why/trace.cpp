// See the header.
#include "why/trace.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "text/utf8.h"

namespace medgen::why {
namespace {

constexpr std::uint64_t kMostOccurrences = 2000;  // that are looked at for their documents
constexpr std::size_t kTokensPerSpan = 20;        // OLMoTrace's 5 %

// Part of a word, so that no word ends between two of them; letters beyond ASCII are.
bool is_word_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z');
}

constexpr std::string_view kBlanks = " \t\n\r";
constexpr std::string_view kBeforeWords = " \t\n\r.,;:!?)";  // what no passage begins with

bool is_blank_byte(char c) { return kBlanks.find(c) != kBlanks.npos; }

bool within_word(const std::string& before, const std::string& after) {
  return !before.empty() && !after.empty() && is_word_byte(before.back()) &&
         is_word_byte(after.front());
}

std::string spelled(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  std::string bytes;
  for (const TokenId id : ids) bytes += tokenizer.token_bytes(id);
  return bytes;
}

// Whether a sentence is over where `text` ends or, if blanks follow there, before these.
bool ends_sentence(std::string_view text) {
  const std::size_t last = text.find_last_not_of(kBlanks);
  if (last == std::string_view::npos) return text.find('\n') != std::string_view::npos;
  return std::string_view(".!?").find(text[last]) != std::string_view::npos ||
         text.find('\n', last) != std::string_view::npos;
}

// Leaves the sentence that goes on into the passage; returns whether something was cut off.
bool keep_last_sentence(std::string& before) {
  const std::vector<Span> sentences = sentences_of(before);
  if (sentences.empty()) return false;
  const std::size_t begin = ends_sentence(before) ? before.size() : sentences.back().begin;
  before.erase(0, begin);
  return begin > 0;
}

// The same of the sentence that `passage` begins.
bool keep_first_sentence(std::string_view passage, std::string& after) {
  const std::vector<Span> sentences = sentences_of(after);
  if (sentences.empty()) return false;
  const bool over = ends_sentence(passage) ||
                    after.substr(0, sentences.front().begin).find('\n') != std::string::npos;
  const std::size_t size = after.size();
  after.erase(over ? 0 : sentences.front().end);
  return after.size() < size;
}

// Whether some place in the training text, of the first ones, has the run as whole words: what
// stands before and after it there goes on with neither.
class WholeWordsThere {
 public:
  WholeWordsThere(const SuffixIndex& index, const Tokenizer& tokenizer)
      : index_(index), tokenizer_(tokenizer) {}

  bool begins(std::span<const TokenId> run) const {
    if (!is_word_byte_at(run.front(), /*last=*/false)) return true;
    return any(run, [&](std::uint64_t place) {
      return place == 0 || !is_word_byte_at(index_.token(place - 1), /*last=*/true);
    });
  }
  bool ends(std::span<const TokenId> run) const {
    if (!is_word_byte_at(run.back(), /*last=*/true)) return true;
    return any(run, [&](std::uint64_t place) {
      const std::uint64_t next = place + run.size();
      return next >= index_.tokens() || !is_word_byte_at(index_.token(next), /*last=*/false);
    });
  }

 private:
  bool is_word_byte_at(TokenId token, bool last) const {
    const std::string bytes = token == index_.eos_id() ? "" : tokenizer_.token_bytes(token);
    return !bytes.empty() && is_word_byte(last ? bytes.back() : bytes.front());
  }
  template <typename Holds>
  bool any(std::span<const TokenId> run, Holds holds) const {
    const SuffixRange range = index_.find(run);
    const std::uint64_t end = std::min(range.end, range.begin + kMostOccurrences);
    for (std::uint64_t rank = range.begin; rank < end; ++rank) {
      if (holds(index_.place(rank))) return true;
    }
    return false;
  }

  const SuffixIndex& index_;
  const Tokenizer& tokenizer_;
};

// A text as tokens, with the passages in it.
struct ReadText {
  std::vector<TokenId> ids;
  std::vector<std::string> bytes;  // of each
  std::vector<TokenRun> passages;
};

ReadText read_text(const SuffixIndex& index, const Tokenizer& tokenizer, const std::string& text,
                   std::size_t least) {
  ReadText read{tokenizer.encode(text), {}, {}};
  for (const TokenId id : read.ids) read.bytes.push_back(tokenizer.token_bytes(id));
  const WholeWordsThere there(index, tokenizer);
  for (const TokenRun& run : verbatim_runs(index, read.ids, least)) {
    TokenRun whole = whole_words(run, read.bytes);
    const auto ids = [&] { return std::span(read.ids).subspan(whole.begin, whole.size()); };
    while (whole.size() >= least && !there.ends(ids())) {
      whole = whole_words({whole.begin, whole.end - 1}, read.bytes);
    }
    while (whole.size() >= least && !there.begins(ids())) {
      whole = whole_words({whole.begin + 1, whole.end}, read.bytes);
    }
    if (whole.size() < least) continue;
    const bool inside = !read.passages.empty() && whole.end <= read.passages.back().end;
    if (inside) continue;
    if (!read.passages.empty() && whole.begin == read.passages.back().begin) {
      read.passages.back() = whole;  // now the longer one
    } else {
      read.passages.push_back(whole);
    }
  }
  return read;
}

class TextTracer {
 public:
  TextTracer(const SuffixIndex& index, const Tokenizer& tokenizer, const TraceOptions& options,
             const ReadText& read)
      : index_(index), tokenizer_(tokenizer), options_(options), read_(read) {}

  // `blanks` of the spelling are not the text's own.
  Trace run(std::size_t blanks) {
    Trace trace;
    std::vector<std::size_t> begins = {0};
    for (const std::string& bytes : read_.bytes) {
      trace.text += bytes;
      begins.push_back(trace.text.size());
    }
    trace.tokens = read_.ids.size();
    trace.covered = covered_tokens(read_.passages);
    for (const TokenRun& run : read_.passages) {
      Span bytes{begins[run.begin], begins[run.end]};
      while (bytes.begin < bytes.end &&
             kBeforeWords.find(trace.text[bytes.begin]) != kBeforeWords.npos) {
        ++bytes.begin;
      }
      while (bytes.end > bytes.begin && is_blank_byte(trace.text[bytes.end - 1])) --bytes.end;
      bytes = {std::max(bytes.begin, blanks) - blanks, std::max(bytes.end, blanks) - blanks};
      trace.spans.push_back({.bytes = bytes,
                             .tokens = run.size(),
                             .count = 0,
                             .documents = {},
                             .rarity = rarity(run),
                             .places = {}});
    }
    trace.text.erase(0, blanks);
    const std::vector<std::size_t> kept = choose(trace);
    std::vector<TracedSpan> spans;
    for (const std::size_t i : kept) {
      look_up(read_.passages[i], trace.spans[i]);
      spans.push_back(std::move(trace.spans[i]));
    }
    trace.left_out = trace.spans.size() - spans.size();
    trace.spans = std::move(spans);
    return trace;
  }

 private:
  double rarity(const TokenRun& run) {
    double bits = 0;
    for (std::size_t i = run.begin; i < run.end; ++i) {
      const auto [entry, fresh] = counts_.emplace(read_.ids[i], 0);
      if (fresh) entry->second = index_.find(std::span(&read_.ids[i], 1)).count();
      const double share =
          static_cast<double>(entry->second) / static_cast<double>(index_.tokens());
      bits -= std::log2(share);
    }
    return bits;
  }

  // The numbers of the rarest, in the text's order.
  std::vector<std::size_t> choose(const Trace& trace) const {
    std::vector<std::size_t> order(trace.spans.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::size_t most = (trace.tokens + kTokensPerSpan - 1) / kTokensPerSpan;
    if (options_.most_spans) most = static_cast<std::size_t>(*options_.most_spans);
    if ((options_.most_spans && *options_.most_spans == 0) || most >= order.size()) return order;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return trace.spans[a].rarity > trace.spans[b].rarity;
    });
    order.resize(most);
    std::sort(order.begin(), order.end());
    return order;
  }

  void look_up(const TokenRun& run, TracedSpan& span) const {
    const SuffixRange range = index_.find(std::span(read_.ids).subspan(run.begin, run.size()));
    span.count = range.count();
    std::set<std::uint64_t> seen;
    const std::uint64_t end = std::min(range.end, range.begin + kMostOccurrences);
    for (std::uint64_t rank = range.begin; rank < end; ++rank) {
      const std::uint64_t place = index_.place(rank);
      const IndexedDocument document = index_.document_at(place);
      const bool shown = span.places.size() < static_cast<std::size_t>(options_.most_places);
      if (!seen.insert(document.number).second || !shown) continue;
      span.places.push_back(place_of(document, place, run.size()));
    }
    if (end == range.end) span.documents = seen.size();
  }

  // Blanks at the passage's ends are shown with what stands around it.
  TracedPlace place_of(const IndexedDocument& document, std::uint64_t place,
                       std::size_t tokens) const {
    const auto context = static_cast<std::uint64_t>(options_.context_tokens);
    const std::uint64_t begin = place - document.begin > context ? place - context : document.begin;
    const std::uint64_t after = std::min(place + tokens, document.end);
    const std::uint64_t end = std::min(after + context, document.end);
    const std::string passage = spelled(tokenizer_, index_.tokens_of(place, after));
    const std::size_t first = std::min(passage.find_first_not_of(kBeforeWords), passage.size());
    const std::size_t last = passage.find_last_not_of(kBlanks) + 1;
    TracedPlace traced;
    traced.document = document;
    traced.name = index_.name(document);
    traced.token = place - document.begin;
    traced.before = spelled(tokenizer_, index_.tokens_of(begin, place)) + passage.substr(0, first);
    traced.after =
        passage.substr(std::max(first, last)) + spelled(tokenizer_, index_.tokens_of(after, end));
    if (begin == document.begin && traced.before.starts_with(' ')) traced.before.erase(0, 1);
    bool cut_before = begin > document.begin, cut_after = end < document.end;
    if (options_.within_sentence) {
      cut_before = keep_last_sentence(traced.before) || cut_before;
      cut_after = keep_first_sentence(passage, traced.after) || cut_after;
    }
    traced.before = text::replace_invalid_utf8(traced.before);
    traced.after = text::replace_invalid_utf8(traced.after);
    if (cut_before) traced.before.insert(0, "... ");
    if (cut_after) traced.after += " ...";
    return traced;
  }

  const SuffixIndex& index_;
  const Tokenizer& tokenizer_;
  const TraceOptions& options_;
  const ReadText& read_;
  std::map<TokenId, std::uint64_t> counts_;
};

// Blanks that the spelling of `read` begins with and `text` does not.
std::size_t added_blanks(const ReadText& read, std::string_view text) {
  std::size_t size = 0;
  for (const std::string& bytes : read.bytes) size += bytes.size();
  const bool one = size == text.size() + 1 && !read.bytes.empty() &&
                   read.bytes.front().starts_with(' ') && !text.starts_with(' ');
  return one ? 1 : 0;
}

}  // namespace

std::vector<TokenRun> verbatim_runs(const SuffixIndex& index, std::span<const TokenId> tokens,
                                    std::size_t least) {
  std::vector<TokenRun> runs;
  std::size_t end = 0;        // of the longest run so far
  std::size_t piece_end = 0;  // of what stands between two EOS
  for (std::size_t begin = 0; begin < tokens.size(); ++begin) {
    if (tokens[begin] == index.eos_id()) continue;
    if (begin >= piece_end) {
      const auto eos = std::find(tokens.begin() + static_cast<std::ptrdiff_t>(begin), tokens.end(),
                                 index.eos_id());
      piece_end = static_cast<std::size_t>(eos - tokens.begin());
    }
    if (piece_end - begin < least || end == piece_end) continue;  // nothing new can be long enough
    const std::size_t same = index.longest_match(tokens.subspan(begin, piece_end - begin));
    if (begin + same <= end) continue;
    end = begin + same;
    if (same >= least) runs.push_back({begin, end});
  }
  return runs;
}

std::size_t covered_tokens(std::span<const TokenRun> runs) {
  std::size_t covered = 0, end = 0;
  for (const TokenRun& run : runs) {
    if (run.end <= end) continue;
    covered += run.end - std::max(run.begin, end);
    end = run.end;
  }
  return covered;
}

TokenRun whole_words(TokenRun run, std::span<const std::string> token_bytes) {
  while (run.begin < run.end && run.begin > 0 &&
         within_word(token_bytes[run.begin - 1], token_bytes[run.begin])) {
    ++run.begin;
  }
  while (run.end > run.begin && run.end < token_bytes.size() &&
         within_word(token_bytes[run.end - 1], token_bytes[run.end])) {
    --run.end;
  }
  return run;
}

std::vector<TraceMark> marks_of(const Trace& trace) {
  std::vector<TraceMark> marks;
  for (std::size_t i = 0; i < trace.spans.size(); ++i) {
    const Span& bytes = trace.spans[i].bytes;
    if (marks.empty() || bytes.begin >= marks.back().bytes.end) marks.push_back({bytes, {}});
    marks.back().bytes.end = std::max(marks.back().bytes.end, bytes.end);
    marks.back().spans.push_back(i);
  }
  return marks;
}

Trace trace_text(const SuffixIndex& index, const Tokenizer& tokenizer, std::string_view text,
                 const TraceOptions& options) {
  const auto least = static_cast<std::size_t>(options.least_tokens);
  ReadText read = read_text(index, tokenizer, std::string(text), least);
  if (!text.empty() && !is_blank_byte(text.front())) {
    ReadText after_blank = read_text(index, tokenizer, " " + std::string(text), least);
    if (covered_tokens(after_blank.passages) > covered_tokens(read.passages)) {
      read = std::move(after_blank);
    }
  }
  return TextTracer(index, tokenizer, options, read).run(added_blanks(read, text));
}

}  // namespace medgen::why
