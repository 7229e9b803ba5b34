// Runs a bundle's TorchScript with a key/value cache per slot.
#include <algorithm>

#include "medgen/error.h"
#include "torchscript/backends.h"
#include "torchscript/runtime.h"
#include "torchscript/slots.h"

namespace medgen::torchscript {
namespace {

constexpr std::int64_t kCacheGrain = 64;  // positions; the cache grows by these

class BundleBackend final : public Backend {
 public:
  BundleBackend(const torch::jit::Module& module, const ModelConfig& config,
                const BackendOptions& options)
      : module_(module),
        config_(config),
        device_(options.device),
        slots_(options.max_slots),
        hidden_(module_.get_method("hidden")),
        logits_(module_.get_method("logits")) {
    info_.name = "torchscript";
    info_.precision = "fp32";
    info_.vocab_size = config.vocab_size;
    info_.n_positions = config.n_positions;
    info_.max_slots = options.max_slots;
    grow_cache(std::min<std::int64_t>(kCacheGrain, config.n_positions));
    warm_up();
  }

  const BackendInfo& info() const override { return info_; }
  int acquire_slot() override { return slots_.acquire(); }
  void release_slot(int slot) override { slots_.release(slot); }

  void share_cache(int from, int to, int n_tokens) override {
    const c10::InferenceMode no_gradients;
    slots_.require_cached(from, n_tokens);
    slots_.set_length(to, n_tokens);
    const auto part = [&](int slot) { return cache_.select(2, slot).narrow(3, 0, n_tokens); };
    if (from != to && n_tokens > 0) part(to).copy_(part(from));
  }

  void truncate_cache(int slot, int n_tokens) override {
    slots_.require_cached(slot, n_tokens);
    slots_.set_length(slot, n_tokens);
  }

  std::span<const float> step(std::span<const Row> rows) override {
    const c10::InferenceMode no_gradients;
    const std::vector<Slots::Group> groups = slots_.advance(rows, info_);
    std::size_t wanted = 0;
    result_rows_.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      result_rows_[i] = wanted;
      if (rows[i].want_logits) ++wanted;
    }
    logits_buffer_.resize(wanted * info_.vocab_size);
    try {
      run(rows, groups);
    } catch (const c10::Error& failure) {
      throw Error(ErrorCode::kRuntime, "libtorch could not run the model: " + reason_of(failure));
    }
    return logits_buffer_;
  }

 private:
  // A batch is what one call of the model can process: groups of equal length in adjacent slots.
  void run(std::span<const Row> rows, std::vector<Slots::Group> groups) {
    int last = 0;
    for (const Row& row : rows) last = std::max(last, row.position);
    if (last >= cache_.size(4)) grow_cache(last + 1);
    std::sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
      return a.count != b.count ? a.count < b.count : a.slot < b.slot;
    });
    for (std::size_t begin = 0; begin < groups.size();) {
      std::size_t end = begin + 1;
      while (end < groups.size() && groups[end].count == groups[begin].count &&
             groups[end].slot == groups[end - 1].slot + 1) {
        ++end;
      }
      run_batch(rows, std::span(groups).subspan(begin, end - begin));
      begin = end;
    }
  }

  void run_batch(std::span<const Row> rows, std::span<const Slots::Group> groups) {
    const auto batch = static_cast<std::int64_t>(groups.size());
    const auto time = static_cast<std::int64_t>(groups.front().count);
    at::Tensor input = torch::empty({batch, time}, torch::kInt64);
    at::Tensor positions = torch::empty({batch, time}, torch::kInt64);
    std::vector<std::int64_t> wanted;  // rows of this batch whose logits are asked for
    std::vector<std::size_t> into;     // and which row of the result each one is
    std::int64_t at = 0;
    for (const Slots::Group& group : groups) {
      for (std::size_t i = group.begin; i < group.begin + group.count; ++i, ++at) {
        input.data_ptr<std::int64_t>()[at] = rows[i].token;
        positions.data_ptr<std::int64_t>()[at] = rows[i].position;
        if (!rows[i].want_logits) continue;
        wanted.push_back(at);
        into.push_back(result_rows_[i]);
      }
    }
    const at::Tensor cache = cache_.narrow(2, groups.front().slot, batch);
    const at::Tensor hidden = hidden_({input.to(device_), positions.to(device_), cache}).toTensor();
    if (wanted.empty()) return;
    const at::Tensor picked =
        hidden.index_select(0, torch::tensor(wanted, torch::kInt64).to(device_));
    const at::Tensor logits = logits_({picked}).toTensor().to(at::kCPU, at::kFloat).contiguous();
    const float* data = logits.data_ptr<float>();
    for (std::size_t i = 0; i < into.size(); ++i) {
      std::copy_n(data + i * info_.vocab_size, info_.vocab_size,
                  logits_buffer_.begin() + static_cast<std::ptrdiff_t>(into[i] * info_.vocab_size));
    }
  }

  void grow_cache(std::int64_t positions) {
    const std::int64_t old = cache_.defined() ? cache_.size(4) : 0;
    std::int64_t capacity = std::max(positions, old + old / 2);
    capacity = (capacity + kCacheGrain - 1) / kCacheGrain * kCacheGrain;
    capacity = std::min<std::int64_t>(capacity, config_.n_positions);
    // [n_layer, key or value, slot, head, position, head_size]
    at::Tensor larger = torch::zeros(
        {config_.n_layer, 2, info_.max_slots, config_.n_head, capacity, config_.head_size()},
        torch::TensorOptions(device_));
    if (old > 0) larger.narrow(4, 0, old).copy_(cache_);
    cache_ = larger;
  }

  // First calls are slow; and it is better to notice now that a module cannot run.
  void warm_up() {
    const int slot = acquire_slot();
    for (int position = 0; position < std::min(2, config_.n_positions); ++position) {
      const Row row{.slot = slot, .token = 0, .position = position, .want_logits = true};
      try {
        step({&row, 1});
      } catch (const Error& failure) {
        throw Error(ErrorCode::kModel, std::string("the model does not run: ") + failure.what());
      }
    }
    release_slot(slot);
  }

  torch::jit::Module module_;
  ModelConfig config_;
  at::Device device_;
  Slots slots_;
  torch::jit::Method hidden_;
  torch::jit::Method logits_;
  BackendInfo info_;
  at::Tensor cache_;
  std::vector<std::size_t> result_rows_;  // of the step's rows: its logits' row, if it wants them
  std::vector<float> logits_buffer_;
};

}  // namespace

std::unique_ptr<Backend> make_bundle_backend(torch::jit::Module module, const ModelConfig& config,
                                             const BackendOptions& options) {
  const c10::InferenceMode no_gradients;
  module.to(at::Device(options.device));
  return std::make_unique<BundleBackend>(module, config, options);
}

}  // namespace medgen::torchscript
