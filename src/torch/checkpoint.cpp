// A training run's folder.
#include "torch/checkpoint.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "medgen/error.h"

namespace medgen {
namespace {

constexpr std::uint64_t kMaxCheckpointBytes = std::uint64_t{16} << 30;

// The position is kept as integer tensors beside the rest.
at::Tensor pack(const std::vector<std::uint64_t>& values) {
  return torch::tensor(std::vector<std::int64_t>(values.begin(), values.end()), torch::kInt64);
}

std::vector<std::uint64_t> unpack(const at::Tensor& tensor) {
  const auto* data = tensor.data_ptr<std::int64_t>();
  return {data, data + tensor.numel()};
}

}  // namespace

at::Tensor Checkpoint::tensor(const std::string& name, at::IntArrayRef shape) const {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.sizes() != shape) {
    throw Error(ErrorCode::kUsage,
                "the checkpoint was made with other settings: " + name +
                    (found == tensors.end() ? " is missing" : " has another shape") +
                    ". Use the settings it was started with, or an empty --work-dir.");
  }
  return found->second;
}

WorkFolder::WorkFolder(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  const std::filesystem::path lock_file = path / "lock";
  lock_ = open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) {
    throw Error(ErrorCode::kRuntime, "cannot use the work folder " + path.string() + ": " +
                                         (error ? error.message() : std::strerror(errno)));
  }
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw Error(ErrorCode::kUsage, "another training run works in " + path.string() +
                                       "; give this one a --work-dir of its own");
  }
}

WorkFolder::~WorkFolder() { close(lock_); }

std::optional<Checkpoint> WorkFolder::load() const {
  const std::filesystem::path file = path_ / "checkpoint.pt";
  if (!std::filesystem::exists(file)) return std::nullopt;
  const std::string bytes = read_file(file, kMaxCheckpointBytes);
  Checkpoint checkpoint;
  try {
    const auto entries =
        torch::pickle_load(std::vector<char>(bytes.begin(), bytes.end())).toGenericDict();
    for (const auto& entry : entries) {
      checkpoint.tensors.insert_or_assign(entry.key().toStringRef(), entry.value().toTensor());
    }
    checkpoint.step = checkpoint.tensors.at("step").item<std::int64_t>();
    checkpoint.position.next_document = unpack(checkpoint.tensors.at("next_document"));
    for (std::size_t row = 0; row < checkpoint.position.next_document.size(); ++row) {
      const auto waiting = unpack(checkpoint.tensors.at("tokens_waiting." + std::to_string(row)));
      checkpoint.position.tokens_waiting.emplace_back(waiting.begin(), waiting.end());
    }
  } catch (const std::exception&) {
    throw Error(ErrorCode::kRuntime,
                "the checkpoint " + file.string() + " is damaged; remove it to start the run anew");
  }
  return checkpoint;
}

std::filesystem::path WorkFolder::save(const Checkpoint& checkpoint) const {
  c10::Dict<std::string, at::Tensor> entries;
  for (const auto& [name, tensor] : checkpoint.tensors) entries.insert(name, tensor);
  entries.insert("step", torch::tensor(checkpoint.step, torch::kInt64));
  entries.insert("next_document", pack(checkpoint.position.next_document));
  for (std::size_t row = 0; row < checkpoint.position.tokens_waiting.size(); ++row) {
    const auto& waiting = checkpoint.position.tokens_waiting[row];
    entries.insert("tokens_waiting." + std::to_string(row), pack({waiting.begin(), waiting.end()}));
  }
  const std::vector<char> bytes = torch::pickle_save(entries);
  const std::filesystem::path file = path_ / "checkpoint.pt";
  write_file_atomically(file, {bytes.data(), bytes.size()});
  return file;
}

void WorkFolder::append_metrics(const std::string& line) const {
  std::ofstream out(path_ / "metrics.jsonl", std::ios::app);
  out << line << '\n';
  out.flush();
  if (!out) {
    throw Error(ErrorCode::kRuntime,
                "cannot write " + (path_ / "metrics.jsonl").string() + ": " + std::strerror(errno));
  }
}

void WorkFolder::log(const TrainProgress& progress) const {
  append_metrics(nlohmann::ordered_json{{"step", progress.step},
                                        {"loss", progress.loss},
                                        {"rate_factor", progress.learning_rate_factor},
                                        {"tokens_per_second", progress.tokens_per_second},
                                        {"epochs", progress.epochs}}
                     .dump());
}

void WorkFolder::log(const ValidationResult& result) const {
  append_metrics(nlohmann::ordered_json{
      {"step", result.step},
      {"valid_loss", result.loss},
      {"valid_bits_per_byte", result.bits_per_byte},
      {"whole",
       result.whole}}.dump());
}

}  // namespace medgen
