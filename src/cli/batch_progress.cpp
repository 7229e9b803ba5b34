// See the header.
#include "cli/batch_progress.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "base/count_of.h"

namespace medgen::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::string ending_name(batch::Ending ending) {
  switch (ending) {
    case batch::Ending::kComplete:
      return "complete";
    case batch::Ending::kInterrupted:
      return "interrupted";
    case batch::Ending::kTooManyErrors:
      return "too many errors";
  }
  return "unknown";
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds));
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace

BatchProgress::BatchProgress(std::uint64_t before, std::uint64_t total, bool quiet)
    : before_(before),
      total_(total),
      progress_(quiet, {.terminal = std::chrono::milliseconds(500)}),
      begin_(Clock::now()) {}

double BatchProgress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - begin_).count();
}

std::string BatchProgress::line(const batch::RecordWriter& writer, std::uint64_t tokens) const {
  const double elapsed = std::max(seconds(), 1e-9);
  std::string text = fmt::format("{}", writer.rows());
  if (total_ > 0) text += fmt::format("/{}", total_);
  text += fmt::format(" rows, {} failed, {:.0f} tokens/s", writer.failed(),
                      static_cast<double>(tokens) / elapsed);
  const std::uint64_t now = writer.rows() - std::min(writer.rows(), before_);
  if (total_ > 0 && now > 0) {
    const double left = static_cast<double>(total_ - std::min(total_, writer.rows()));
    text += fmt::format(", {} left", duration(left * elapsed / static_cast<double>(now)));
  }
  return text;
}

void BatchProgress::show(const batch::RecordWriter& writer, std::uint64_t tokens) {
  progress_.show([&] { return line(writer, tokens); });
}

std::string summary_line(const jobs::BatchSummary& s) {
  const std::uint64_t total = s.rows_total > 0 ? s.rows_total : s.state.rows;
  const std::string of_total =
      s.rows_total > 0 ? fmt::format("{} of ", s.state.rows) : std::string();
  return fmt::format(
      "{}: {}{}, {} failed; this run {}, {} in {:.1f} s ({:.1f} tokens/s), peak "
      "memory {:.0f} MB",
      ending_name(s.result.ending), of_total, base::count_of(total, "row"), s.state.failed,
      base::count_of(s.result.rows, "row"), base::count_of(s.result.tokens, "token"), s.seconds,
      static_cast<double>(s.result.tokens) / std::max(s.seconds, 1e-9),
      static_cast<double>(peak_memory_bytes()) / 1e6);
}

std::string summary_json(const jobs::BatchSummary& s) {
  batch::Json json;
  json["ending"] = ending_name(s.result.ending);
  json["rows"] = s.state.rows;
  json["failed"] = s.state.failed;
  json["tokens"] = s.state.tokens;
  json["output_bytes"] = s.state.bytes;
  json["run"] = batch::Json{
      {"rows", s.result.rows},
      {"tokens", s.result.tokens},
      {"seconds", s.seconds},
      {"tokens_per_second", static_cast<double>(s.result.tokens) / std::max(s.seconds, 1e-9)},
      {"peak_memory_bytes", peak_memory_bytes()},
      {"slots", s.slots},
      {"backend", s.backend},
      {"precision", s.precision}};
  return json.dump() + "\n";
}

}  // namespace medgen::cli
