// See the header. The blocks of the bundle's own module are called one by one, from embeddings on,
// so that what is differentiated is what is exported and run.
#include "torchscript/gradients.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "base/refuse.h"
#include "medgen/error.h"
#include "torchscript/gpt2_module.h"
#include "torchscript/runtime.h"

namespace medgen::torchscript {
namespace {

constexpr int kMostGradientSteps = 1000;
// Tokens that go through the blocks together: enough for fast products; what is kept for the
// derivatives grows with it.
constexpr std::int64_t kRowsTogether = 1024;

void check_gradient_ids(const GradientAsked& asked, const ModelConfig& config) {
  if (asked.ids.size() < 2 || asked.ids.size() > static_cast<std::size_t>(config.n_positions)) {
    base::refuse(
        fmt::format("a text of {} tokens has no gradients here; it takes 2 to the context "
                    "of {}: shorten it",
                    asked.ids.size(), config.n_positions));
  }
  std::vector<TokenId> all = asked.ids;
  if (asked.baseline) all.push_back(*asked.baseline);
  for (const TokenId id : all) {
    if (id < 0 || id >= config.vocab_size) {
      base::refuse(fmt::format("the token id {} is none of the model's: they go from 0 to {}", id,
                               config.vocab_size - 1));
    }
  }
}

void check_gradients(const GradientAsked& asked, const ModelConfig& config) {
  check_gradient_ids(asked, config);
  if (asked.targets.empty()) base::refuse("gradients are of targets: name at least one place");
  for (const std::size_t target : asked.targets) {
    if (target < 1 || target >= asked.ids.size()) {
      base::refuse(fmt::format("a target at place {} has no probability; places go from 1 to {}",
                               target, asked.ids.size() - 1));
    }
  }
  if (asked.steps < 1 || asked.steps > kMostGradientSteps) {
    base::refuse_value("steps", fmt::to_string(asked.steps),
                       fmt::format("from 1 to {}", kMostGradientSteps), "50 is usual");
  }
}

// The model from embeddings on.
class EmbeddedModel {
 public:
  EmbeddedModel(const ModelConfig& config, const bundle::TensorReader& parameters)
      : config_(config), module_(make_gpt2_module(config)) {
    read_parameters(parameters, config, module_);
    for (at::Tensor parameter : module_.parameters()) parameter.set_requires_grad(false);
    transformer_ = module_.attr("transformer").toModule();
    const torch::jit::Module blocks = transformer_.attr("h").toModule();
    for (int layer = 0; layer < config.n_layer; ++layer) {
      blocks_.push_back(blocks.attr(fmt::to_string(layer)).toModule());
    }
  }

  // [n, n_embd]
  at::Tensor embeddings(const at::Tensor& ids) const {
    return at::embedding(find_parameter(module_, "transformer.wte.weight"), ids);
  }

  // embedded [batch, time, n_embd] -> what the head reads, [batch, time, n_embd]
  at::Tensor hidden(const at::Tensor& embedded) {
    const std::int64_t batch = embedded.size(0), time = embedded.size(1);
    const at::Tensor positions = at::arange(time, at::kLong).unsqueeze(0).expand({batch, time});
    const at::Tensor mask =
        at::triu(at::full({time, time}, -std::numeric_limits<float>::infinity()), 1)
            .view({1, 1, time, time});
    const at::Tensor places =
        find_parameter(module_, "transformer.wpe.weight").narrow(0, 0, time).unsqueeze(0);
    at::Tensor x = (embedded + places).view({-1, config_.n_embd});
    for (torch::jit::Module& block : blocks_) {
      x = block.forward({x, positions, mask, c10::IValue()}).toTensor();
    }
    x = transformer_.attr("ln_f").toModule().forward({x}).toTensor();
    return x.view({batch, time, config_.n_embd});
  }

  // rows [batch, n_embd] -> [batch], of the token that comes after each
  at::Tensor logprobs(const at::Tensor& rows, TokenId token) {
    const at::Tensor logits = module_.get_method("logits")({rows}).toTensor();
    return at::log_softmax(logits, 1).select(1, token);
  }

 private:
  const ModelConfig& config_;
  torch::jit::Module module_, transformer_;
  std::vector<torch::jit::Module> blocks_;
};

class InfluenceMaker {
 public:
  InfluenceMaker(EmbeddedModel& model, const GradientAsked& asked)
      : model_(model),
        asked_(asked),
        time_(static_cast<std::int64_t>(
            *std::max_element(asked.targets.begin(), asked.targets.end()))) {
    const std::vector<std::int64_t> ids(asked.ids.begin(), asked.ids.begin() + time_);
    input_ = model_.embeddings(torch::tensor(ids, at::kLong));
    baseline_ = at::zeros_like(input_);
    if (asked.method == GradientMethod::kIntegratedGradients && asked.baseline) {
      const std::vector<std::int64_t> same(ids.size(), *asked.baseline);
      baseline_ = model_.embeddings(torch::tensor(same, at::kLong));
    }
    sums_ = at::zeros({static_cast<std::int64_t>(asked.targets.size()), time_}, at::kDouble);
  }

  GradientInfluence make() {
    GradientInfluence result;
    result.logprobs = logprobs_of(input_);
    if (asked_.method == GradientMethod::kGradientTimesInput) {
      add({1}, {1});
      return finish(std::move(result));
    }
    result.baseline_logprobs = logprobs_of(baseline_);
    const QuadratureRule rule = gauss_legendre(asked_.steps);
    const auto together =
        static_cast<std::size_t>(std::max<std::int64_t>(1, kRowsTogether / time_));
    for (std::size_t begin = 0; begin < rule.points.size(); begin += together) {
      const std::size_t count = std::min(together, rule.points.size() - begin);
      const auto from = static_cast<std::ptrdiff_t>(begin);
      const auto to = static_cast<std::ptrdiff_t>(begin + count);
      add({rule.points.begin() + from, rule.points.begin() + to},
          {rule.weights.begin() + from, rule.weights.begin() + to});
    }
    return finish(std::move(result));
  }

 private:
  std::vector<double> logprobs_of(const at::Tensor& embedded) {
    const torch::NoGradGuard no_gradients;
    const at::Tensor hidden = model_.hidden(embedded.unsqueeze(0));
    std::vector<double> values;
    for (const std::size_t target : asked_.targets) {
      values.push_back(logprob(hidden, target).item<double>());
    }
    return values;
  }

  // [batch]
  at::Tensor logprob(const at::Tensor& hidden, std::size_t target) {
    return model_.logprobs(hidden.select(1, static_cast<std::int64_t>(target) - 1),
                           asked_.ids[target]);
  }

  // Adds the derivatives at so many points of the way from the baseline, each by its weight.
  void add(const std::vector<double>& points, const std::vector<double>& weights) {
    const at::Tensor shares = torch::tensor(points, at::kFloat).view({-1, 1, 1});
    at::Tensor x = (baseline_ + shares * (input_ - baseline_)).detach();
    x.set_requires_grad(true);
    const at::Tensor hidden = model_.hidden(x);
    const at::Tensor heavy = torch::tensor(weights, at::kDouble).view({-1, 1});
    for (std::size_t i = 0; i < asked_.targets.size(); ++i) {
      const at::Tensor value = logprob(hidden, asked_.targets[i]).sum();
      const at::Tensor slope = torch::autograd::grad({value}, {x}, {}, /*retain_graph=*/true)[0];
      const at::Tensor influence = (slope * (input_ - baseline_)).to(at::kDouble).sum(2);
      sums_.select(0, static_cast<std::int64_t>(i)).add_((influence * heavy).sum(0));
    }
  }

  GradientInfluence finish(GradientInfluence result) const {
    if (!at::isfinite(sums_).all().item<bool>()) {
      throw Error(ErrorCode::kRuntime,
                  "the model's derivatives are not numbers: its weights are damaged or overflow; "
                  "verify the model");
    }
    const std::size_t width = asked_.ids.size();
    result.influence.assign(asked_.targets.size() * width, 0);
    const auto sums = sums_.accessor<double, 2>();
    for (std::size_t i = 0; i < asked_.targets.size(); ++i) {
      double total = 0;
      for (std::size_t k = 0; k < asked_.targets[i]; ++k) {
        const double value = sums[static_cast<std::int64_t>(i)][static_cast<std::int64_t>(k)];
        total += value;
        result.influence[i * width + k] = static_cast<float>(value);
      }
      if (result.baseline_logprobs.empty()) continue;
      result.gaps.push_back(total - (result.logprobs[i] - result.baseline_logprobs[i]));
    }
    return result;
  }

  EmbeddedModel& model_;
  const GradientAsked& asked_;
  std::int64_t time_;            // inputs up to the last target
  at::Tensor input_, baseline_;  // [time, n_embd]
  at::Tensor sums_;              // [n_targets, time], double
};

}  // namespace

GradientInfluence gradient_influence(const ModelConfig& config,
                                     const bundle::TensorReader& parameters,
                                     const GradientAsked& asked) {
  check_gradients(asked, config);
  prepare_runtime(asked.threads);
  EmbeddedModel model(config, parameters);
  return InfluenceMaker(model, asked).make();
}

}  // namespace medgen::torchscript
