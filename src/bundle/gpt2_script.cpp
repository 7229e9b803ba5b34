// See the header. Sizes and choices of the configuration are written into the source as literals.
#include "bundle/gpt2_script.h"

#include <fmt/format.h>

#include <cmath>
#include <locale>
#include <map>
#include <sstream>
#include <utility>

#include "bundle/activation.h"

namespace medgen::bundle {
namespace {

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

const char* activation_expression(ActivationFormula formula) {
  switch (formula) {
    case ActivationFormula::kGelu:
      return "torch.gelu(h)";
    case ActivationFormula::kGelu10:
      return "torch.clamp(torch.gelu(h), -10.0, 10.0)";
    case ActivationFormula::kGeluTanh:
      return "torch.gelu(h, approximate='tanh')";
    case ActivationFormula::kHardSwish:
      return "torch.hardswish(h)";
    case ActivationFormula::kLaplace:
      return "0.5 * (1.0 + torch.erf((h - 0.707107) / 0.398942576))";  // 0.282095 sqrt(2)
    case ActivationFormula::kLeakyRelu:
      return "torch.leaky_relu(h, 0.01)";
    case ActivationFormula::kLinear:
      return "h";
    case ActivationFormula::kMish:
      return "torch.mish(h)";
    case ActivationFormula::kQuickGelu:
      return "h * torch.sigmoid(1.702 * h)";
    case ActivationFormula::kRelu:
      return "torch.relu(h)";
    case ActivationFormula::kRelu2:
      return "torch.square(torch.relu(h))";
    case ActivationFormula::kRelu6:
      return "torch.clamp(h, 0.0, 6.0)";
    case ActivationFormula::kSigmoid:
      return "torch.sigmoid(h)";
    case ActivationFormula::kSilu:
      return "h * torch.sigmoid(h)";
    case ActivationFormula::kSqrtSoftplus:
      return "torch.sqrt(torch.softplus(h))";
    case ActivationFormula::kTanh:
      return "torch.tanh(h)";
  }
  return "h";
}

// Literals are written with enough digits to read back as the same double.
std::string script_literal(double value) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << std::scientific;
  out.precision(17);
  out << value;
  return out.str();
}

std::string fill_in(std::string source, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string mark = "{" + key + "}";
    for (std::size_t at = source.find(mark); at != std::string::npos; at = source.find(mark, at)) {
      source.replace(at, mark.size(), value);
    }
  }
  return source;
}

ScriptModule embedding() { return {"Embedding", {"weight"}, {}, ""}; }

ScriptModule linear() { return {"Linear", {"weight", "bias"}, {}, kLinearSource}; }

ScriptModule layer_norm(const ModelConfig& config) {
  return {"LayerNorm",
          {"weight", "bias"},
          {},
          fill_in(kLayerNormSource, {{"n", fmt::to_string(config.n_embd)},
                                     {"epsilon", script_literal(config.layer_norm_epsilon)}})};
}

ScriptModule attention(const ModelConfig& config, int layer) {
  double scale = config.scale_attn_weights ? 1.0 / std::sqrt(config.head_size()) : 1.0;
  if (config.scale_attn_by_inverse_layer_idx) scale /= layer + 1;
  return {fmt::format("Attention{}", layer),
          {},
          {{"c_attn", linear()}, {"c_proj", linear()}},
          fill_in(kAttentionSource, {{"heads", fmt::to_string(config.n_head)},
                                     {"head_size", fmt::to_string(config.head_size())},
                                     {"n", fmt::to_string(config.n_embd)},
                                     {"layer", fmt::to_string(layer)},
                                     {"scale", script_literal(scale)}})};
}

ScriptModule feed_forward(const ModelConfig& config) {
  const ActivationFormula formula = activation_formula(config.activation_function);
  return {"FeedForward",
          {},
          {{"c_fc", linear()}, {"c_proj", linear()}},
          fill_in(kFeedForwardSource, {{"activation", activation_expression(formula)}})};
}

ScriptModule block(const ModelConfig& config, int layer) {
  return {fmt::format("Block{}", layer),
          {},
          {{"ln_1", layer_norm(config)},
           {"attn", attention(config, layer)},
           {"ln_2", layer_norm(config)},
           {"mlp", feed_forward(config)}},
          kBlockSource};
}

ScriptModule transformer(const ModelConfig& config) {
  ScriptModule blocks{"Blocks", {}, {}, ""};
  std::string calls;
  for (int layer = 0; layer < config.n_layer; ++layer) {
    blocks.modules.push_back({fmt::to_string(layer), block(config, layer)});
    calls += fmt::format("    x = getattr(self.h, \"{}\").forward(x, position_ids, mask, cache)\n",
                         layer);
  }
  return {"Transformer",
          {},
          {{"wte", embedding()},
           {"wpe", embedding()},
           {"h", std::move(blocks)},
           {"ln_f", layer_norm(config)}},
          fill_in(kTransformerSource, {{"n", fmt::to_string(config.n_embd)}, {"layers", calls}})};
}

}  // namespace

ScriptModule gpt2_script(const ModelConfig& config) {
  validate(config);
  const bool tied = config.tie_word_embeddings;
  ScriptModule model{"GPT2",
                     {},
                     {{"transformer", transformer(config)}},
                     fill_in(kModelSource, {{"head", tied ? "transformer.wte" : "lm_head"}})};
  if (!tied) model.modules.push_back({"lm_head", embedding()});
  return model;
}

}  // namespace medgen::bundle
