// AdamW and Muon.
#include "train/optimizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "train/training_step.h"

namespace medgen::train {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.95;
constexpr double kEpsilon = 1e-8;
constexpr double kMomentum = 0.95;

bool in_a_block(const std::string& name) { return name.find(".h.") != std::string::npos; }

}  // namespace

at::Tensor newton_schulz(const at::Tensor& matrices, bool bf16) {
  constexpr double a = 3.4445;
  constexpr double b = -4.7750;
  constexpr double c = 2.0315;
  const bool one = matrices.dim() == 2;
  const bool tall = matrices.size(-2) > matrices.size(-1);
  at::Tensor x = (tall ? matrices.transpose(-2, -1) : matrices).contiguous();
  x = x / (at::norm(x, 2, {-2, -1}, /*keepdim=*/true) + 1e-7);
  if (bf16) x = x.to(at::kBFloat16);
  for (int step = 0; step < 5; ++step) {
    const at::Tensor gram = at::matmul(x, x.transpose(-2, -1));
    const at::Tensor polynomial = one ? at::addmm(gram, gram, gram, /*beta=*/b, /*alpha=*/c)
                                      : at::baddbmm(gram, gram, gram, /*beta=*/b, /*alpha=*/c);
    x = one ? at::addmm(x, polynomial, x, /*beta=*/a, /*alpha=*/1)
            : at::baddbmm(x, polynomial, x, /*beta=*/a, /*alpha=*/1);
  }
  if (bf16) x = x.to(at::kFloat);
  return tall ? x.transpose(-2, -1) : x;
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
    if (slot.parameter.tensor.dim() != 2) continue;
    slot.parameter.tensor.mul_(1.0 - (slot.muon ? muon_rate : rate) * options_.weight_decay);
  }
  adamw_step(rate);
  muon_step(muon_rate);
}

// On a CPU, the largest matrices first, each on the next free thread: they do not depend on each
// other. A GPU takes all of one shape at once.
void Optimizer::muon_step(double rate) {
  std::vector<std::vector<MatrixView>> groups;
  for (Slot& slot : slots_) {
    if (!slot.muon) continue;
    at::Tensor& weight = slot.parameter.tensor;
    slot.first.mul_(kMomentum).add_(weight.grad(), 1 - kMomentum);
    const std::int64_t columns = weight.size(1) / slot.parts;
    for (int part = 0; part < slot.parts; ++part) {
      const auto view = [&](const at::Tensor& x) { return x.narrow(1, part * columns, columns); };
      const MatrixView matrix = {view(weight), view(weight.grad()), view(slot.first)};
      const auto same_shape = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
        return !weight.is_cpu() && group.front().weight.sizes() == matrix.weight.sizes();
      });
      if (same_shape == groups.end()) {
        groups.push_back({matrix});
      } else {
        same_shape->push_back(matrix);
      }
    }
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
    return a.front().weight.numel() > b.front().weight.numel();
  });
  std::atomic<std::size_t> next = 0;
  for_each_worker(options_.threads, [&](int) {
    const torch::NoGradGuard no_grad;  // threads begin with gradients on
    for (std::size_t i = next++; i < groups.size(); i = next++) muon_update(groups[i], rate);
  });
}

void Optimizer::muon_update(const std::vector<MatrixView>& group, double rate) const {
  const at::Tensor& first = group.front().weight;
  const double out_over_in =
      static_cast<double>(first.size(1)) / static_cast<double>(first.size(0));
  const double step = -rate * std::sqrt(std::max(1.0, out_over_in));
  std::vector<at::Tensor> updates;
  for (const MatrixView& matrix : group) {
    updates.push_back(at::lerp(matrix.gradient, matrix.momentum, kMomentum));
  }
  const at::Tensor orthogonal =
      newton_schulz(group.size() == 1 ? updates.front() : at::stack(updates), options_.bf16);
  for (std::size_t i = 0; i < group.size(); ++i) {
    at::Tensor weight = group[i].weight;
    weight.add_(group.size() == 1 ? orthogonal : orthogonal[static_cast<std::int64_t>(i)], step);
  }
}

// All parameters together: on a GPU, separate launches for each would dominate.
void Optimizer::adamw_step(double rate) const {
  std::vector<at::Tensor> weights, gradients, first, second;
  for (const Slot& slot : slots_) {
    if (slot.muon) continue;
    weights.push_back(slot.parameter.tensor);
    gradients.push_back(slot.parameter.tensor.grad());
    first.push_back(slot.first);
    second.push_back(slot.second);
  }
  if (weights.empty()) return;
  at::_foreach_mul_(first, kBeta1);
  at::_foreach_add_(first, gradients, 1 - kBeta1);
  at::_foreach_mul_(second, kBeta2);
  at::_foreach_addcmul_(second, gradients, gradients, 1 - kBeta2);
  const auto count = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(kBeta1, count);
  const double correction2 = 1 - std::pow(kBeta2, count);
  const std::vector<at::Tensor> scale = at::_foreach_div(second, correction2);
  at::_foreach_sqrt_(scale);
  at::_foreach_add_(scale, kEpsilon);
  at::_foreach_addcdiv_(weights, first, scale, -rate / correction1);
}

double Optimizer::clip_gradients(double limit) {
  std::vector<at::Tensor> gradients;
  for (const Slot& slot : slots_) gradients.push_back(slot.parameter.tensor.grad());
  const double norm = at::stack(at::_foreach_norm(gradients)).norm().item<double>();
  if (norm > limit) at::_foreach_mul_(gradients, limit / norm);
  return norm;
}

void Optimizer::visit_state(const std::function<void(const std::string&, at::Tensor&)>& visit) {
  for (Slot& slot : slots_) {
    visit("momentum." + slot.parameter.name, slot.first);
    if (!slot.muon) visit("squares." + slot.parameter.name, slot.second);
  }
}

}  // namespace medgen::train
