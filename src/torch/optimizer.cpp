// AdamW and Muon.
#include "torch/optimizer.h"

#include <algorithm>
#include <cmath>

namespace medgen {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.95;
constexpr double kEpsilon = 1e-8;
constexpr double kMomentum = 0.95;

bool in_a_block(const std::string& name) { return name.find(".h.") != std::string::npos; }

}  // namespace

at::Tensor newton_schulz(const at::Tensor& matrix) {
  constexpr double a = 3.4445;
  constexpr double b = -4.7750;
  constexpr double c = 2.0315;
  const bool tall = matrix.size(0) > matrix.size(1);
  at::Tensor x = tall ? matrix.t().contiguous() : matrix.contiguous();
  x = x / (x.norm() + 1e-7);
  for (int step = 0; step < 5; ++step) {
    const at::Tensor gram = x.mm(x.t());
    const at::Tensor polynomial = at::addmm(gram, gram, gram, /*beta=*/b, /*alpha=*/c);
    x = at::addmm(x, polynomial, x, /*beta=*/a, /*alpha=*/1);
  }
  return tall ? x.t() : x;
}

Optimizer::Optimizer(const std::vector<NamedParameter>& parameters, const OptimizerOptions& options)
    : options_(options) {
  for (const NamedParameter& parameter : parameters) {
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
  for (Slot& slot : slots_) {
    const double rate = factor * (slot.muon ? options_.muon_learning_rate : options_.learning_rate);
    at::Tensor& weight = slot.parameter.tensor;
    if (weight.dim() == 2) weight.mul_(1.0 - rate * options_.weight_decay);
    slot.muon ? muon_step(slot, rate) : adamw_step(slot, rate);
  }
}

void Optimizer::muon_step(Slot& slot, double rate) const {
  const at::Tensor& gradient = slot.parameter.tensor.grad();
  slot.first.mul_(kMomentum).add_(gradient, 1 - kMomentum);
  const at::Tensor update = at::lerp(gradient, slot.first, kMomentum);
  const auto weights = slot.parameter.tensor.chunk(slot.parts, 1);
  const auto updates = update.chunk(slot.parts, 1);
  for (std::size_t part = 0; part < weights.size(); ++part) {
    const double out_over_in =
        static_cast<double>(weights[part].size(1)) / static_cast<double>(weights[part].size(0));
    weights[part].add_(newton_schulz(updates[part]), -rate * std::sqrt(std::max(1.0, out_over_in)));
  }
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

void Optimizer::zero_gradients() {
  for (const Slot& slot : slots_) {
    at::Tensor& gradient = slot.parameter.tensor.mutable_grad();
    if (gradient.defined()) gradient.zero_();
  }
}

void Optimizer::visit_state(const std::function<void(const std::string&, at::Tensor&)>& visit) {
  for (Slot& slot : slots_) {
    visit("momentum." + slot.parameter.name, slot.first);
    if (!slot.muon) visit("squares." + slot.parameter.name, slot.second);
  }
}

}  // namespace medgen
