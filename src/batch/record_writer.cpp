// First the output is flushed, then the journal says so: what the journal says is always true.
#include "batch/record_writer.h"

#include <algorithm>
#include <utility>

#include "batch/write_output.h"

namespace medgen::batch {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;
constexpr std::uint64_t kJournalBytes = std::uint64_t{16} << 20U;

}  // namespace

RecordWriter::RecordWriter(int descriptor, std::string name, bool in_order)
    : descriptor_(descriptor), name_(std::move(name)), in_order_(in_order) {}

RecordWriter::RecordWriter(int descriptor, std::string name, bool in_order, Journal journal,
                           JournalContent start, std::unique_ptr<base::RunningHash> hash)
    : descriptor_(descriptor),
      name_(std::move(name)),
      in_order_(in_order),
      journal_(std::move(journal)),
      job_(std::move(start.job)),
      extra_(std::move(start.extra)),
      hash_(std::move(hash)),
      state_(std::move(start.committed)),
      last_commit_(std::chrono::steady_clock::now()) {
  state_.places.clear();
  journal_has_records_ = !start.ahead.empty();
  for (auto& [place, record] : start.ahead) held_[place] = {std::move(record), true};
  journal_limit_ = kJournalBytes + 4 * journal_->bytes();
}

void RecordWriter::write_heading(const std::string& bytes) {
  buffer_ += bytes;
  if (hash_) hash_->add(bytes);
  state_.bytes += bytes.size();
  dirty_ = true;
  if (!journal_) write_buffer();
}

void RecordWriter::put(Record record) {
  dirty_ = true;
  if (!in_order_) {
    state_.places.push_back(record.place);
    append(record);
  } else {
    const std::uint64_t place = record.place;
    held_[place] = {std::move(record), false};
    while (!held_.empty() && held_.begin()->first == state_.rows) {
      append(held_.begin()->second.record);
      held_.erase(held_.begin());
    }
  }
  if (!journal_ || buffer_.size() >= kBufferBytes) write_buffer();
}

void RecordWriter::append(const Record& record) {
  buffer_ += record.bytes;
  if (hash_) hash_->add(record.bytes);
  ++state_.rows;
  state_.bytes += record.bytes.size();
  state_.failed += record.failed ? 1 : 0;
  state_.tokens += record.tokens;
  if (state_.last_hash.empty() || record.place >= state_.last_place) {
    state_.last_place = record.place;
    state_.last_hash = record.input_hash;
  }
}

void RecordWriter::write_buffer() {
  const std::string bytes = std::exchange(buffer_, {});
  write_output(descriptor_, bytes, name_, journal_ ? Kept::kFinishedRows : Kept::kNothing);
}

void RecordWriter::commit_if_due() {
  if (std::chrono::steady_clock::now() - last_commit_ >= commit_interval_) commit();
}

void RecordWriter::commit() {
  last_commit_ = std::chrono::steady_clock::now();
  if (!dirty_) return;
  write_buffer();
  if (journal_) {
    flush_to_disk(descriptor_, name_, Kept::kFinishedRows);
    state_.sha256 = hash_->hex();
    std::vector<const Record*> ahead;
    for (auto& [place, held] : held_) {
      if (!std::exchange(held.journaled, true)) ahead.push_back(&held.record);
    }
    journal_has_records_ = journal_has_records_ || !ahead.empty();
    journal_->commit(ahead, state_);
    shrink_journal();
  }
  state_.places.clear();
  dirty_ = false;
}

// Records that waited for their turn pile up in the journal long after they are in the output, and
// no text stays in that of a finished job.
void RecordWriter::shrink_journal() {
  const bool wanted = journal_->bytes() >= journal_limit_ || (state_.done && journal_has_records_);
  if (!in_order_ || !wanted) return;
  JournalContent content;
  content.job = job_;
  content.extra = extra_;
  content.committed = state_;
  for (const auto& [place, held] : held_) content.ahead[place] = held.record;
  *journal_ = Journal::resume(std::filesystem::path(journal_->path()), content);
  journal_limit_ = kJournalBytes + 4 * journal_->bytes();
}

void RecordWriter::finish() {
  state_.done = true;
  dirty_ = true;
  commit();
}

}  // namespace medgen::batch
