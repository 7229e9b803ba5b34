// Runs a TorchScript GPT-2 from elsewhere, one that was traced or scripted without a cache.
#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "medgen/error.h"
#include "torchscript/backends.h"
#include "torchscript/runtime.h"
#include "torchscript/slots.h"

namespace medgen::torchscript {
namespace {

// The logits in forward()'s result: a tensor, or the first tensor of a tuple or dictionary.
at::Tensor logits_of(const c10::IValue& value) {
  if (value.isTensor()) return value.toTensor();
  if (value.isTuple() && !value.toTupleRef().elements().empty()) {
    return logits_of(value.toTupleRef().elements()[0]);
  }
  if (value.isGenericDict()) {
    const auto dict = value.toGenericDict();
    const auto found = dict.find("logits");
    if (found != dict.end()) return logits_of(found->value());
  }
  throw Error(ErrorCode::kModel, "the model's forward() returned " + value.tagKind() +
                                     ", not logits [batch, time, vocabulary]");
}

class UncachedBackend : public Backend {
 public:
  UncachedBackend(const torch::jit::Module& module, const ModelConfig& config,
                  const BackendOptions& options)
      : module_(module),
        device_(options.device),
        slots_(options.max_slots),
        sequences_(static_cast<std::size_t>(options.max_slots)) {
    info_.name = "torchscript (no cache)";
    info_.precision = "fp32";
    info_.n_positions = config.n_positions;
    info_.max_slots = options.max_slots;
    const at::Tensor logits = run({0, 0});
    info_.vocab_size = static_cast<int>(logits.size(2));
    if (config.vocab_size != 0 && config.vocab_size != info_.vocab_size) {
      throw Error(
          ErrorCode::kModel,
          fmt::format("the model gives {} logits a token, but its config.json says vocab_size {}",
                      info_.vocab_size, config.vocab_size));
    }
  }

  const BackendInfo& info() const override { return info_; }
  int acquire_slot() override {
    const int slot = slots_.acquire();
    sequence(slot).clear();
    return slot;
  }
  void release_slot(int slot) override { slots_.release(slot); }

  void share_cache(int from, int to, int n_tokens) override {
    slots_.require_cached(from, n_tokens);
    slots_.set_length(to, n_tokens);
    if (from != to) sequence(to).assign(sequence(from).begin(), sequence(from).begin() + n_tokens);
  }

  void truncate_cache(int slot, int n_tokens) override {
    slots_.require_cached(slot, n_tokens);
    slots_.set_length(slot, n_tokens);
    sequence(slot).resize(static_cast<std::size_t>(n_tokens));
  }

  std::span<const float> step(std::span<const Row> rows) override {
    const c10::InferenceMode no_gradients;
    logits_buffer_.clear();
    for (const Slots::Group& group : slots_.advance(rows, info_)) {
      auto& tokens = sequence(group.slot);
      const auto part = rows.subspan(group.begin, group.count);
      for (const Row& row : part) tokens.push_back(row.token);
      if (std::none_of(part.begin(), part.end(), [](const Row& row) { return row.want_logits; })) {
        continue;
      }
      const at::Tensor logits = run(tokens);
      for (const Row& row : part) {
        if (!row.want_logits) continue;
        const float* data =
            logits.data_ptr<float>() + std::int64_t{row.position} * info_.vocab_size;
        logits_buffer_.insert(logits_buffer_.end(), data, data + info_.vocab_size);
      }
    }
    return logits_buffer_;
  }

 private:
  std::vector<TokenId>& sequence(int slot) { return sequences_[static_cast<std::size_t>(slot)]; }

  // [1, tokens, vocabulary], float32
  at::Tensor run(const std::vector<TokenId>& tokens) {
    const c10::InferenceMode no_gradients;
    const at::Tensor input = torch::tensor(tokens, torch::kInt64).unsqueeze(0).to(device_);
    at::Tensor logits;
    try {
      logits = logits_of(module_.forward({input}));
    } catch (const Error&) {
      throw;
    } catch (const std::exception& failure) {
      throw Error(ErrorCode::kModel, fmt::format("the model does not run on {} tokens: {}",
                                                 tokens.size(), reason_of(failure)));
    }
    const auto length = static_cast<std::int64_t>(tokens.size());
    // vocab_size is 0 until the first call reveals it.
    if (logits.dim() != 3 || logits.size(0) != 1 || logits.size(1) != length ||
        (info_.vocab_size != 0 && logits.size(2) != info_.vocab_size)) {
      std::ostringstream shape;
      shape << logits.sizes();
      throw Error(ErrorCode::kModel,
                  fmt::format("the model returned a tensor of shape {} for {} tokens; logits are "
                              "[1, tokens, vocabulary], with the same vocabulary every time. Was "
                              "it exported without its language-model head?",
                              shape.str(), length));
    }
    return logits.to(at::kCPU, at::kFloat).contiguous();
  }

  torch::jit::Module module_;
  at::Device device_;
  Slots slots_;
  BackendInfo info_;
  std::vector<std::vector<TokenId>> sequences_;
  std::vector<float> logits_buffer_;
};

}  // namespace

std::unique_ptr<Backend> make_uncached_backend(torch::jit::Module module, const ModelConfig& config,
                                               const BackendOptions& options) {
  module.to(at::Device(options.device));
  return std::make_unique<UncachedBackend>(module, config, options);
}

}  // namespace medgen::torchscript
