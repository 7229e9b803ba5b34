// See the header. Tensors are found by walking the module's tree of attributes.
#include "bundle/torchscript_weights.h"

#include <algorithm>

#include "medgen/error.h"

namespace medgen::bundle {
namespace {

using Kind = PickleValue::Kind;

// A module may be reached by many paths, so the walk is bounded, not only the storage.
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxVisited = std::size_t{1} << 18U;  // a model of a thousand layers: 100,000
constexpr std::size_t kMaxNameBytes = 300;

constexpr std::string_view kRebuildParameter = "torch._utils\n_rebuild_parameter";

// The classes and functions of a pickle that are needed to hold tensors.
bool is_of_weights(std::string_view global) {
  return global == "collections\nOrderedDict" || global == "torch._utils\n_rebuild_tensor_v2" ||
         global == kRebuildParameter ||
         (global.starts_with("torch\n") && global.ends_with("Storage"));
}

// "module\nname" as Python writes it, cut where it is longer than any.
std::string shown_global(std::string_view global) {
  std::string text(global.substr(0, 80));
  std::replace(text.begin(), text.end(), '\n', '.');
  return text;
}

}  // namespace

void TorchScriptWeights::collect(const Pickle& pickle, const PickleValue& object,
                                 const std::string& prefix, int depth) {
  if (depth > kMaxDepth) archive_.fail("its modules are nested too deeply");
  if (object.state == PickleValue::kNothing) return;
  const PickleValue& state = pickle.at(object.state);
  if (state.kind != Kind::kDictionary) return;
  for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
    if (++visited_ > kMaxVisited) archive_.fail("it has more attributes than any model has");
    const PickleValue& value = pickle.at(state.items[i + 1]);
    const bool tensor = TorchArchive::is_tensor(pickle, value);
    if (!tensor && value.kind != Kind::kObject) continue;
    std::string name = prefix;
    if (!name.empty()) name += '.';
    name += pickle.text_of(state.items[i]);
    if (name.size() > kMaxNameBytes) archive_.fail("a name in it is too long");
    if (tensor) {
      tensors_[name] = archive_.tensor(pickle, value, "data");
    } else {
      collect(pickle, value, name, depth + 1);
    }
  }
}

// What torch.save makes of a state_dict: tensors by name, perhaps as parameters. Nothing in it is
// called; but a pickle that names what no weights need is of another kind, or means harm.
void TorchScriptWeights::collect_state_dict(const Pickle& pickle) {
  for (PickleRef ref = 0; ref < pickle.size(); ++ref) {
    const PickleValue& value = pickle.at(ref);
    if (value.kind != Kind::kGlobal || is_of_weights(value.text)) continue;
    archive_.fail("it would have Python call " + shown_global(value.text) +
                  ", which weights do not need: save the model's state_dict() alone");
  }
  const std::vector<PickleRef>& entries = pickle.root().items;
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    const std::string name(pickle.text_of(entries[i]));
    if (name.empty() || name.size() > kMaxNameBytes) archive_.fail("a name in it is too long");
    const PickleValue* value = &pickle.at(entries[i + 1]);
    if (pickle.text_of(value->what) == kRebuildParameter && !pickle.arguments_of(*value).empty()) {
      value = &pickle.at(pickle.arguments_of(*value).front());
    }
    if (!TorchArchive::is_tensor(pickle, *value)) {
      archive_.fail("its entry \"" + name +
                    "\" is not a tensor: save the model's state_dict() alone");
    }
    tensors_[name] = archive_.tensor(pickle, *value, "data");
  }
}

TorchScriptWeights TorchScriptWeights::open(const std::filesystem::path& model_pt) {
  TorchScriptWeights weights(TorchArchive::open(model_pt));
  const Pickle pickle = weights.archive_.pickle("data.pkl");
  const Kind root = pickle.root().kind;
  if (root == Kind::kDictionary || root == Kind::kCall) {
    weights.collect_state_dict(pickle);
  } else {
    weights.collect(pickle, pickle.root(), "", 0);
  }
  return weights;
}

const StoredTensor& TorchScriptWeights::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) archive_.fail("it has no parameter " + name);
  return found->second;
}

std::vector<ParameterSpec> TorchScriptWeights::specs() const {
  std::vector<ParameterSpec> specs;
  for (const auto& [name, tensor] : tensors_) specs.push_back({name, tensor.shape});
  return specs;
}

bool TorchScriptWeights::holds(ElementType type) const {
  return std::any_of(tensors_.begin(), tensors_.end(),
                     [&](const auto& entry) { return entry.second.type == type; });
}

std::uint64_t TorchScriptWeights::bytes(const std::string& name) const {
  const StoredTensor& found = tensor(name);
  return found.count() * bytes_of(found.type);
}

bool TorchScriptWeights::same(const std::string& a, const std::string& b) const {
  const StoredTensor& first = tensor(a);
  const StoredTensor& second = tensor(b);
  const bool same_place = first.record == second.record && first.offset == second.offset &&
                          first.type == second.type && first.shape == second.shape &&
                          first.strides == second.strides;
  return same_place || read(a) == read(b);
}

std::vector<float> TorchScriptWeights::read(const std::string& name) const {
  return archive_.floats(tensor(name));
}

}  // namespace medgen::bundle
