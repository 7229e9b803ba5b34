// AdamW and Muon.
#include "torch/optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "torch/training_step.h"

namespace medgen {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.95;
constexpr double kEpsilon = 1e-8;
constexpr double kMomentum = 0.95;

bool in_a_block(const std::string& name) { return name.find(".h.") != std::string::npos; }

}  // namespace

at::Tensor newton_schulz(const at::Tensor& matrix, bool bf16) {
  constexpr double a = 3.4445;
  constexpr double b = -4.7750;
  constexpr double c = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = tall ? matrix.t().contiguous() : matrix.contiguous();
  x = x / (x.norm() + 1e-7);
  if (bf16) x = x.to(at::kBFloat16);
  for (int step = 0; step < 5; ++step) {
    const at::Tensor gram = x.mm(x.t());
    const at::Tensor polynomial = at::addmm(gram, gram, gram, /*beta=*/b, /*alpha=*/c);
    x = at::addmm(x, polynomial, x, /*beta=*/a, /*alpha=*/1);
  }
  if (bf16) x = x.to(at::kFloat);
  return tall ? x.t() : x;
}

Optimizer::Optimizer(const std::vector<NamedParameter>& parameters, const OptimizerOptions& options)
    : options_(options) {
  for (const NamedParameter& parameter : parameters) {
    if (!parameter.tensor.requires_grad()) continue;
    Slot slot;
    slot.parameter = parameter;
    slot.muon = options.muon && parameter.tensor.dim() == 2 && in_a_block(parameter.name);
    slot.parts = parameter.name.find("attn.c_attn.") != std::string::npos ? 3 : 1;
    slot.first = at::zeros_like(parameter.tensor);
    if (!slot.muon) slot.second = at::zeros_like(parameter.tensor);
    slots_.push_back(std::move(slot));
  }
}

void Optimizer::step(double factor) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  const double rate = factor * options_.learning_rate;
  const double muon_rate = factor * options_.muon_learning_rate;
  for (Slot& slot : slots_) {
    at::Tensor& weight = slot.parameter.tensor;
    const double slot_rate = slot.muon ? muon_rate : rate;
    if (weight.dim() == 2) weight.mul_(1.0 - slot_rate * options_.weight_decay);
    if (!slot.muon) adamw_step(slot, rate);
  }
  muon_steps(muon_rate);
}

// The largest matrices first, each by the next free thread: they do not depend on each other.
void Optimizer::muon_steps(double rate) {
  std::vector<std::pair<Slot*, int>> work;
  for (Slot& slot : slots_) {
    for (int part = 0; slot.muon && part < slot.parts; ++part) work.emplace_back(&slot, part);
    if (slot.muon) slot.first.mul_(kMomentum).add_(slot.parameter.tensor.grad(), 1 - kMomentum);
  }
  std::stable_sort(work.begin(), work.end(), [](const auto& a, const auto& b) {
    return a.first->first.numel() / a.first->parts > b.first->first.numel() / b.first->parts;
  });
  std::atomic<std::size_t> next = 0;
  for_each_worker(options_.threads, [&](int) {
    const torch::NoGradGuard no_grad;  // threads begin with gradients on
    for (std::size_t i = next++; i < work.size(); i = next++) {
      muon_update(*work[i].first, work[i].second, rate);
    }
  });
}

void Optimizer::muon_update(Slot& slot, int part, double rate) const {
  const std::int64_t columns = slot.first.size(1) / slot.parts;
  const auto columns_of = [&](const at::Tensor& whole) {
    return whole.narrow(1, part * columns, columns);
  };
  const at::Tensor update =
      at::lerp(columns_of(slot.parameter.tensor.grad()), columns_of(slot.first), kMomentum);
  const double out_over_in = static_cast<double>(columns) / static_cast<double>(slot.first.size(0));
  columns_of(slot.parameter.tensor)
      .add_(newton_schulz(update, options_.bf16), -rate * std::sqrt(std::max(1.0, out_over_in)));
}

void Optimizer::adamw_step(Slot& slot, double rate) const {
  const at::Tensor& gradient = slot.parameter.tensor.grad();
  slot.first.mul_(kBeta1).add_(gradient, 1 - kBeta1);
  slot.second.mul_(kBeta2).addcmul_(gradient, gradient, 1 - kBeta2);
  const auto count = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(kBeta1, count);
  const double correction2 = 1 - std::pow(kBeta2, count);
  const at::Tensor scale = (slot.second / correction2).sqrt_().add_(kEpsilon);
  slot.parameter.tensor.addcdiv_(slot.first, scale, -rate / correction1);
}

double Optimizer::clip_gradients(double limit) {
  double squares = 0;
  for (const Slot& slot : slots_) {
    const double norm = slot.parameter.tensor.grad().norm().item<double>();
    squares += norm * norm;
  }
  const double norm = std::sqrt(squares);
  if (norm > limit) {
    for (const Slot& slot : slots_) slot.parameter.tensor.mutable_grad().mul_(limit / norm);
  }
  return norm;
}

void Optimizer::visit_state(const std::function<void(const std::string&, at::Tensor&)>& visit) {
  for (Slot& slot : slots_) {
    visit("momentum." + slot.parameter.name, slot.first);
    if (!slot.muon) visit("squares." + slot.parameter.name, slot.second);
  }
}

}  // namespace medgen
