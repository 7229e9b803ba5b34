// See the header.
#include "cli/batch_progress.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

namespace medgen::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::string number(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds));
  char text[64];
  std::snprintf(text, sizeof text, "%llu:%02u:%02u", static_cast<unsigned long long>(whole / 3600),
                static_cast<unsigned>(whole / 60 % 60), static_cast<unsigned>(whole % 60));
  return text;
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
  std::string text = std::to_string(writer.rows());
  if (total_ > 0) (text += '/') += std::to_string(total_);
  text += " rows, " + std::to_string(writer.failed()) + " failed, ";
  text += number("%.0f tokens/s", static_cast<double>(tokens) / elapsed);
  const std::uint64_t now = writer.rows() - std::min(writer.rows(), before_);
  if (total_ > 0 && now > 0) {
    const double left = static_cast<double>(total_ - std::min(total_, writer.rows()));
    ((text += ", ") += duration(left * elapsed / static_cast<double>(now))) += " left";
  }
  return text;
}

void BatchProgress::show(const batch::RecordWriter& writer, std::uint64_t tokens) {
  progress_.show([&] { return line(writer, tokens); });
}

std::string summary_line(const BatchSummary& s) {
  std::string text = s.ending + ": " + std::to_string(s.state.rows);
  if (s.rows_total > 0) (text += " of ") += std::to_string(s.rows_total);
  text += " rows, " + std::to_string(s.state.failed) + " failed; this run " +
          std::to_string(s.result.rows) + " rows, " + std::to_string(s.result.tokens) +
          " tokens in ";
  text += number("%.1f s (", s.seconds);
  text +=
      number("%.1f tokens/s)", static_cast<double>(s.result.tokens) / std::max(s.seconds, 1e-9));
  return text + number(", peak memory %.0f MB", static_cast<double>(peak_memory_bytes()) / 1e6);
}

std::string summary_json(const BatchSummary& s) {
  batch::Json json;
  json["ending"] = s.ending;
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
