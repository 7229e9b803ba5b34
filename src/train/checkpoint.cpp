// A training run's folder.
#include "train/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"
#include "base/lines.h"
#include "base/new_file.h"
#include "base/write_failure.h"
#include "medgen/error.h"
#include "report/loss_chart.h"
#include "torchscript/stored_tensor.h"

namespace medgen::train {
namespace {

constexpr const char* kMetrics = "metrics.jsonl";

// The position is kept as integer tensors beside the rest.
at::Tensor pack(const std::vector<std::uint64_t>& values) {
  return torch::tensor(std::vector<std::int64_t>(values.begin(), values.end()), torch::kInt64);
}

void pack_position(c10::Dict<std::string, at::Tensor>& entries, const std::string& prefix,
                   const corpus::TokenStream::Position& position) {
  entries.insert(prefix + "next_document", pack(position.next_document));
  for (std::size_t row = 0; row < position.tokens_waiting.size(); ++row) {
    const auto& waiting = position.tokens_waiting[row];
    entries.insert(fmt::format("{}tokens_waiting.{}", prefix, row),
                   pack({waiting.begin(), waiting.end()}));
  }
}

}  // namespace

at::Tensor Checkpoint::tensor(const std::string& name, at::IntArrayRef shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.sizes() != shape ||
      !found->second.is_floating_point()) {
    throw Error(ErrorCode::kUsage,
                fmt::format("the checkpoint has different settings: {} {}. Use the settings it was "
                            "started with, or an empty `work_dir`.",
                            name,
                            found == tensors.end()           ? "is missing"
                            : found->second.sizes() != shape ? "has another shape"
                                                             : "holds whole numbers"));
  }
  return found->second;
}

WorkFolder::WorkFolder(const std::filesystem::path& path) : path_(path) {
  base::require_own_folder(path);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  const std::filesystem::path lock_file = path / "lock";
  base::require_own_output(lock_file);
  lock_ = open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock_ < 0) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("cannot use the work folder {}: {}", path.string(),
                            base::write_failure(error ? error.value() : errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw Error(
        ErrorCode::kUsage,
        fmt::format("another training run works in {}; give this one a `work_dir` of its own",
                    path.string()));
  }
  remove_half_written();
}

// Leftovers of a run that was killed while writing.
void WorkFolder::remove_half_written() const {
  std::error_code ignored;
  for (const auto& leftover : base::leftovers_in(path_)) std::filesystem::remove(leftover, ignored);
}

WorkFolder::~WorkFolder() { close(lock_); }

std::optional<Checkpoint> WorkFolder::load(const char* name) const {
  const std::filesystem::path file = path_ / name;
  if (!std::filesystem::exists(file)) return std::nullopt;
  base::require_own_output(file);
  Checkpoint checkpoint;
  try {
    CheckpointFile read = read_checkpoint_file(file);
    static_cast<RunState&>(checkpoint) = std::move(read.state);
    torchscript::RecordReader reader(read.archive);
    for (const auto& [key, stored] : read.tensors) {
      checkpoint.tensors.emplace(key, reader.read(stored));
    }
  } catch (const std::exception&) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("the checkpoint {} is damaged; remove it to start the run over",
                            file.string()));
  }
  return checkpoint;
}

std::filesystem::path WorkFolder::save(const Checkpoint& checkpoint, const char* name) const {
  c10::Dict<std::string, at::Tensor> entries;
  for (const auto& [key, tensor] : checkpoint.tensors) entries.insert(key, tensor);
  entries.insert("step", torch::tensor(checkpoint.step, torch::kInt64));
  pack_position(entries, "", checkpoint.position);
  if (checkpoint.anneal) pack_position(entries, "anneal.", *checkpoint.anneal);
  at::Tensor text = at::empty({static_cast<std::int64_t>(checkpoint.record.size())}, at::kByte);
  std::copy(checkpoint.record.begin(), checkpoint.record.end(), text.data_ptr<std::uint8_t>());
  entries.insert("record", text);
  entries.insert("best_loss", torch::tensor(checkpoint.best_loss, torch::kFloat64));
  entries.insert("best_step", torch::tensor(checkpoint.best_step, torch::kInt64));
  entries.insert("measures_since_best",
                 torch::tensor(checkpoint.measures_since_best, torch::kInt64));
  const std::vector<char> bytes = torch::pickle_save(entries);
  const std::filesystem::path file = path_ / name;
  const bool had_one = std::filesystem::exists(file);
  try {
    base::write_file_atomically(file, {bytes.data(), bytes.size()});
  } catch (const Error& error) {
    std::string message = error.what();
    if (had_one) message += "; " + file.string() + " is still the one saved before";
    throw Error(error.code(), message);
  }
  return file;
}

void WorkFolder::write_record(const std::string& training_json) const {
  base::write_file_atomically(path_ / "training.json", training_json);
}

std::vector<std::string> WorkFolder::metrics_lines() const {
  std::vector<std::string> all;
  if (!std::filesystem::exists(path_ / kMetrics)) return all;
  base::Lines lines(base::plain_file_blocks(path_ / kMetrics), base::Lines::kAnyLength);
  for (base::Line line; lines.next(line);) all.push_back(std::move(line.text));
  return all;
}

void WorkFolder::forget_metrics_after(std::int64_t step) const {
  std::string kept;
  bool forgot = false;
  for (const std::string& line : metrics_lines()) {
    // A line that a killed run left half written is not JSON.
    const auto entry = base::parse_json<nlohmann::json>(line);
    const bool keep = entry.is_object() && entry.value("step", step + 1) <= step;
    if (keep) kept += line + "\n";
    forgot = forgot || !keep;
  }
  if (forgot) base::write_file_atomically(path_ / kMetrics, kept);
}

void WorkFolder::draw() const {
  base::write_file_atomically(path_ / "loss.svg", report::loss_chart(metrics_lines()));
}

void WorkFolder::append_metrics(const std::string& line) const {
  std::ofstream out(path_ / kMetrics, std::ios::app);
  out << line << '\n';
  out.flush();
  if (!out) {
    throw Error(ErrorCode::kRuntime, fmt::format("cannot write {}: {}", (path_ / kMetrics).string(),
                                                 std::strerror(errno)));
  }
}

void WorkFolder::log(const TrainProgress& progress) const {
  append_metrics(nlohmann::ordered_json{{"step", progress.step},
                                        {"loss", progress.loss},
                                        {"rate_factor", progress.learning_rate_factor},
                                        {"gradient_norm", progress.gradient_norm},
                                        {"tokens_per_second", progress.tokens_per_second},
                                        {"epochs", progress.epochs},
                                        {"anneal", progress.anneal}}
                     .dump());
}

void WorkFolder::log_change(std::int64_t after_step, const std::string& change) const {
  append_metrics(nlohmann::ordered_json{{"step", after_step}, {"changed", change}}.dump());
}

void WorkFolder::log(const ValidationResult& result) const {
  append_metrics(nlohmann::ordered_json{
      {"step", result.step},
      {"valid_loss", result.loss},
      {"valid_bits_per_byte", result.bits_per_byte},
      {"whole",
       result.whole}}.dump());
}

}  // namespace medgen::train
