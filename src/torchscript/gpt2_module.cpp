// GPT-2 as a TorchScript module. The source below is what a bundle's model.pt carries; sizes and
// choices of the configuration are written into it as literals, one class per layer.
#include "torchscript/gpt2_module.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cmath>
#include <map>
#include <sstream>

#include "bundle/activation.h"
#include "bundle/config.h"
#include "medgen/error.h"
#include "torchscript/runtime.h"

namespace medgen::torchscript {
namespace {

using torch::jit::Module;

// Parameters may be stored in half precision; arithmetic is float32. `.float()` costs nothing on
// float32.
constexpr const char* kLayerNormSource = R"(
def forward(self, x: Tensor) -> Tensor:
    return torch.layer_norm(x, [{n}], self.weight.float(), self.bias.float(), {epsilon})
)";

// Weights are [in, out], as in GPT-2's checkpoints.
constexpr const char* kLinearSource = R"(
def forward(self, x: Tensor) -> Tensor:
    return torch.addmm(self.bias.float(), x, self.weight.float())
)";

constexpr const char* kAttentionSource = R"(
def forward(self, x: Tensor, position_ids: Tensor, mask: Tensor, cache: Optional[Tensor]) -> Tensor:
    batch = position_ids.size(0)
    time = position_ids.size(1)
    qkv = self.c_attn.forward(x).view(batch, time, 3, {heads}, {head_size}).permute(2, 0, 3, 1, 4)
    query = qkv[0] * {scale}
    key = qkv[1]
    value = qkv[2]
    if cache is not None:
        keys = cache[{layer}][0]
        values = cache[{layer}][1]
        index = position_ids.view(batch, 1, time, 1).expand(batch, {heads}, time, {head_size})
        keys.scatter_(2, index, key)
        values.scatter_(2, index, value)
        key = keys.narrow(2, 0, mask.size(3))
        value = values.narrow(2, 0, mask.size(3))
    scores = torch.matmul(query, key.transpose(2, 3)) + mask
    mixed = torch.matmul(torch.softmax(scores, -1), value)
    return self.c_proj.forward(mixed.permute(0, 2, 1, 3).reshape(batch * time, {n}))
)";

constexpr const char* kFeedForwardSource = R"(
def forward(self, x: Tensor) -> Tensor:
    h = self.c_fc.forward(x)
    return self.c_proj.forward({activation})
)";

constexpr const char* kBlockSource = R"(
def forward(self, x: Tensor, position_ids: Tensor, mask: Tensor, cache: Optional[Tensor]) -> Tensor:
    x = x + self.attn.forward(self.ln_1.forward(x), position_ids, mask, cache)
    return x + self.mlp.forward(self.ln_2.forward(x))
)";

constexpr const char* kTransformerSource = R"(
def forward(self, input_ids: Tensor, position_ids: Tensor, cache: Optional[Tensor]) -> Tensor:
    if cache is None:
        key_positions = position_ids.unsqueeze(1)
    else:
        key_positions = torch.arange(int(position_ids.max()) + 1, device=position_ids.device).view(1, 1, -1)
    hidden = key_positions > position_ids.unsqueeze(2)
    mask = torch.zeros(hidden.size(), device=position_ids.device).masked_fill(hidden, float('-inf')).unsqueeze(1)
    x = torch.embedding(self.wte.weight, input_ids).float() + torch.embedding(self.wpe.weight, position_ids).float()
    x = x.view(-1, {n})
{layers}    return self.ln_f.forward(x)
)";

// `hidden` and `logits` are forward()'s two halves, for callers that want only some rows' logits.
constexpr const char* kModelSource = R"(
def hidden(self, input_ids: Tensor, position_ids: Tensor, cache: Optional[Tensor]) -> Tensor:
    return self.transformer.forward(input_ids, position_ids, cache)

def logits(self, hidden: Tensor) -> Tensor:
    return torch.matmul(hidden, self.{head}.weight.float().t())

def forward(self, input_ids: Tensor, position_ids: Tensor, cache: Optional[Tensor]=None) -> Tuple[Tensor, Optional[Tensor]]:
    rows = self.hidden(input_ids, position_ids, cache)
    return self.logits(rows).view(input_ids.size(0), input_ids.size(1), -1), cache
)";

const char* activation_expression(bundle::ActivationFormula formula) {
  switch (formula) {
    case bundle::ActivationFormula::kGelu:
      return "torch.gelu(h)";
    case bundle::ActivationFormula::kGelu10:
      return "torch.clamp(torch.gelu(h), -10.0, 10.0)";
    case bundle::ActivationFormula::kGeluTanh:
      return "torch.gelu(h, approximate='tanh')";
    case bundle::ActivationFormula::kHardSwish:
      return "torch.hardswish(h)";
    case bundle::ActivationFormula::kLaplace:
      return "0.5 * (1.0 + torch.erf((h - 0.707107) / 0.398942576))";  // 0.282095 sqrt(2)
    case bundle::ActivationFormula::kLeakyRelu:
      return "torch.leaky_relu(h, 0.01)";
    case bundle::ActivationFormula::kLinear:
      return "h";
    case bundle::ActivationFormula::kMish:
      return "torch.mish(h)";
    case bundle::ActivationFormula::kQuickGelu:
      return "h * torch.sigmoid(1.702 * h)";
    case bundle::ActivationFormula::kRelu:
      return "torch.relu(h)";
    case bundle::ActivationFormula::kRelu2:
      return "torch.square(torch.relu(h))";
    case bundle::ActivationFormula::kRelu6:
      return "torch.clamp(h, 0.0, 6.0)";
    case bundle::ActivationFormula::kSigmoid:
      return "torch.sigmoid(h)";
    case bundle::ActivationFormula::kSilu:
      return "h * torch.sigmoid(h)";
    case bundle::ActivationFormula::kSqrtSoftplus:
      return "torch.sqrt(torch.softplus(h))";
    case bundle::ActivationFormula::kTanh:
      return "torch.tanh(h)";
  }
  return "h";
}

// Literals are written with enough digits to read back as the same double.
std::string literal(double value) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << std::scientific;
  out.precision(17);
  out << value;
  return out.str();
}

std::string fill(std::string source, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string mark = "{" + key + "}";
    for (std::size_t at = source.find(mark); at != std::string::npos; at = source.find(mark, at)) {
      source.replace(at, mark.size(), value);
    }
  }
  return source;
}

class ModuleMaker {
 public:
  ModuleMaker(const ModelConfig& config, bundle::StorageType storage)
      : config_(config),
        options_(storage == bundle::StorageType::kFloat16 ? torch::kFloat16 : torch::kFloat32),
        unit_(std::make_shared<torch::jit::CompilationUnit>()) {}

  Module model() {
    Module model = module("GPT2");
    model.register_module("transformer", transformer());
    if (!config_.tie_word_embeddings) {
      model.register_module("lm_head", embedding(config_.vocab_size));
    }
    const char* head = config_.tie_word_embeddings ? "transformer.wte" : "lm_head";
    model.define(fill(kModelSource, {{"head", head}}));
    return model;
  }

 private:
  Module module(const std::string& name) const {
    return Module(c10::QualifiedName("__torch__.medgen." + name), unit_, /*shouldMangle=*/true);
  }

  void add(Module& to, const char* name, const std::vector<std::int64_t>& shape) const {
    to.register_parameter(name, torch::empty(shape, options_), /*is_buffer=*/false);
  }

  Module embedding(std::int64_t rows) const {
    Module made = module("Embedding");
    add(made, "weight", {rows, config_.n_embd});
    return made;
  }

  Module layer_norm() const {
    Module made = module("LayerNorm");
    add(made, "weight", {config_.n_embd});
    add(made, "bias", {config_.n_embd});
    made.define(fill(kLayerNormSource, {{"n", fmt::to_string(config_.n_embd)},
                                        {"epsilon", literal(config_.layer_norm_epsilon)}}));
    return made;
  }

  Module linear(std::int64_t in, std::int64_t out) const {
    Module made = module("Linear");
    add(made, "weight", {in, out});
    add(made, "bias", {out});
    made.define(kLinearSource);
    return made;
  }

  Module attention(int layer) const {
    double scale = config_.scale_attn_weights ? 1.0 / std::sqrt(config_.head_size()) : 1.0;
    if (config_.scale_attn_by_inverse_layer_idx) scale /= layer + 1;
    Module made = module("Attention");
    made.register_module("c_attn", linear(config_.n_embd, 3 * std::int64_t{config_.n_embd}));
    made.register_module("c_proj", linear(config_.n_embd, config_.n_embd));
    made.define(fill(kAttentionSource, {{"heads", fmt::to_string(config_.n_head)},
                                        {"head_size", fmt::to_string(config_.head_size())},
                                        {"n", fmt::to_string(config_.n_embd)},
                                        {"layer", fmt::to_string(layer)},
                                        {"scale", literal(scale)}}));
    return made;
  }

  Module feed_forward() const {
    Module made = module("FeedForward");
    made.register_module("c_fc", linear(config_.n_embd, config_.n_inner));
    made.register_module("c_proj", linear(config_.n_inner, config_.n_embd));
    const bundle::ActivationFormula formula =
        bundle::activation_formula(config_.activation_function);
    made.define(fill(kFeedForwardSource, {{"activation", activation_expression(formula)}}));
    return made;
  }

  Module block(int layer) const {
    Module made = module("Block");
    made.register_module("ln_1", layer_norm());
    made.register_module("attn", attention(layer));
    made.register_module("ln_2", layer_norm());
    made.register_module("mlp", feed_forward());
    made.define(kBlockSource);
    return made;
  }

  Module transformer() const {
    Module blocks = module("Blocks");
    std::string calls;
    for (int layer = 0; layer < config_.n_layer; ++layer) {
      blocks.register_module(fmt::to_string(layer), block(layer));
      calls += fmt::format(
          "    x = getattr(self.h, \"{}\").forward(x, position_ids, mask, cache)\n", layer);
    }
    Module made = module("Transformer");
    made.register_module("wte", embedding(config_.vocab_size));
    made.register_module("wpe", embedding(config_.n_positions));
    made.register_module("h", blocks);
    made.register_module("ln_f", layer_norm());
    made.define(
        fill(kTransformerSource, {{"n", fmt::to_string(config_.n_embd)}, {"layers", calls}}));
    return made;
  }

  const ModelConfig& config_;
  torch::TensorOptions options_;
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
};

}  // namespace

Module make_gpt2_module(const ModelConfig& config, bundle::StorageType storage) {
  validate(config);
  return ModuleMaker(config, storage).model();
}

at::Tensor find_parameter(const Module& module, const std::string& name) {
  Module at = module;
  std::size_t begin = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', begin)) {
    const std::string part = name.substr(begin, dot - begin);
    if (!at.hasattr(part)) break;
    at = at.attr(part).toModule();
    begin = dot + 1;
  }
  const std::string leaf = name.substr(begin);
  if (!at.hasattr(leaf)) {
    throw Error(ErrorCode::kModel, "the model has no parameter called " + name);
  }
  return at.attr(leaf).toTensor();
}

void read_parameters(const bundle::TensorReader& reader, const ModelConfig& config,
                     const Module& to) {
  const torch::NoGradGuard no_gradients;
  for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
    std::vector<float> values = reader(spec.name, spec.shape);
    find_parameter(to, spec.name)
        .copy_(torch::from_blob(values.data(), spec.shape, torch::kFloat32));
  }
}

void save_module(const Module& module, const std::filesystem::path& model_pt) {
  try {
    module.save(model_pt.string());
  } catch (const std::exception& failure) {
    throw Error(ErrorCode::kRuntime, fmt::format("cannot write {}: {} (is the disk full?)",
                                                 model_pt.string(), reason_of(failure)));
  }
}

}  // namespace medgen::torchscript
