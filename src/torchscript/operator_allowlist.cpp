// The list. Deliberately left out: what makes or changes objects, of which endless chains could be
// built, what reads or writes files (save, from_file), takes other memory for a tensor's (set_,
// as_strided, sparse and quantized constructors, _unsafe forms that skip checks), hands out memory
// that was never written (empty), starts threads or processes (fork, rpc), prints, and every
// operator outside "aten" and "prim".
#include "torchscript/operator_allowlist.h"

#include <torch/csrc/jit/frontend/builtin_functions.h>

#include <string_view>
#include <unordered_set>

// Declared in torch/csrc/jit/operator_upgraders/upgraders_entry.h, which not every package has.
namespace torch::jit {
TORCH_API void populate_upgraders_graph_map();
}

namespace medgen::torchscript {
namespace {

using Names = std::unordered_set<std::string_view>;

// The language itself.
const Names& allowed_prim() {
  static const Names names = {// calls and classes; callees are checked where they are defined
                              "CallFunction", "CallMethod", "GetAttr",
                              // branches
                              "If", "Loop", "RaiseException", "Uninitialized", "isinstance",
                              "unchecked_cast", "unchecked_unwrap_optional",
                              // values and containers
                              "Constant", "DictConstruct", "ListConstruct", "ListUnpack",
                              "NumToTensor", "TupleConstruct", "TupleIndex", "TupleSlice",
                              "TupleUnpack", "abs", "max", "min",
                              // what a tensor is
                              "data", "device", "dtype", "is_cuda", "layout", "requires_grad"};
  return names;
}

const Names& allowed_aten() {
  static const Names names = {
      // numbers, lists, strings
      "Bool", "Float", "FloatImplicit", "Int", "IntImplicit", "ScalarImplicit", "__and__",
      "__contains__", "__derive_index", "__getitem__", "__is__", "__isnot__", "__not__", "__or__",
      "__range_length", "append", "ceil", "dict", "floor", "floordiv", "format", "get",
      "is_floating_point", "items", "keys", "len", "list", "values",
      // elementwise
      "abs", "add", "add_", "bitwise_and", "bitwise_not", "bitwise_or", "clamp", "clamp_",
      "clamp_max", "clamp_min", "cos", "div", "div_", "elu", "eq", "erf", "exp", "floor_divide",
      "ge", "gelu", "gt", "hardtanh", "le", "leaky_relu", "log", "log2", "logical_and",
      "logical_not", "logical_or", "lt", "masked_fill", "masked_fill_", "maximum", "minimum",
      "mish", "mul", "mul_", "ne", "neg", "pow", "reciprocal", "relu", "relu_", "rsqrt", "rsub",
      "sigmoid", "sign", "silu", "sin", "softplus", "sqrt", "square", "sub", "sub_", "tanh", "tril",
      "triu", "where",
      // reductions
      "all", "any", "amax", "amin", "argmax", "cumsum", "log_softmax", "logsumexp", "max", "mean",
      "min", "norm", "prod", "softmax", "std", "sum", "topk", "var",
      // products and layers
      "addmm", "baddbmm", "bmm", "dropout", "einsum", "embedding", "layer_norm", "linear", "matmul",
      "mm", "native_layer_norm", "scaled_dot_product_attention",
      // making and changing shapes; bounds are checked by each of them
      "arange", "broadcast_tensors", "cat", "chunk", "clone", "contiguous", "copy_", "detach",
      "device", "dim", "expand", "expand_as", "flatten", "full", "full_like", "gather",
      "index_select", "is_contiguous", "item", "narrow", "new_full", "new_ones", "new_zeros",
      "numel", "one_hot", "ones", "ones_like", "outer", "pad", "permute", "repeat", "reshape",
      "scalar_tensor", "scatter", "select", "size", "slice", "split", "split_with_sizes", "squeeze",
      "stack", "swapaxes", "t", "tensor", "to", "transpose", "type_as", "unbind", "unsqueeze",
      "view", "view_as", "zeros", "zeros_like", "index", "index_put", "constant_pad_nd"};
  return names;
}

bool is_allowed(std::string_view operator_name) {  // "aten::add"
  const std::size_t colons = operator_name.find("::");
  if (colons == std::string_view::npos) return false;
  const std::string_view space = operator_name.substr(0, colons);
  const std::string_view name = operator_name.substr(colons + 2);
  return (space == "prim" && allowed_prim().contains(name)) ||
         (space == "aten" && allowed_aten().contains(name));
}

// An unchecked cast reads one type's memory as another's; the compiler itself emits it
// only where it has proved that an optional value is present.
bool is_safe_cast(const torch::jit::Node& node) {
  const auto optional = node.input()->type()->cast<c10::OptionalType>();
  const auto from = optional ? optional->getElementType() : node.input()->type();
  return from->isSubtypeOf(*node.output()->type());
}

bool has_graph(const torch::jit::Node& node) {
  for (const torch::jit::Symbol attribute : node.attributeNames()) {
    const auto kind = node.kindOf(attribute);
    if (kind == torch::jit::AttributeKind::g || kind == torch::jit::AttributeKind::gs) return true;
  }
  return false;
}

using Types = std::set<const c10::Type*>;

// What `type` is or contains that is forbidden: a class not from the archive, since libtorch
// has classes whose methods are not graphs; or Any, which lets values nest without end. Empty
// if there is nothing. `seen` holds the types already checked.
std::string strange_type(const c10::TypePtr& type, const torch::jit::CompilationUnit& unit,
                         Types& seen) {
  if (!seen.insert(type.get()).second) return "";
  if (type->kind() == c10::TypeKind::AnyType) return "the type Any";
  if (const auto class_type = type->cast<c10::ClassType>()) {
    return class_type->compilation_unit().get() == &unit ? ""
                                                         : "the class " + class_type->repr_str();
  }
  for (const c10::TypePtr& part : type->containedTypes()) {
    const std::string name = strange_type(part, unit, seen);
    if (!name.empty()) return name;
  }
  return "";
}

// libtorch takes an element type, layout or format by its number and looks it up unchecked, and a
// tensor on the device "meta" has no memory. So they are constants that are known, or taken from a
// tensor.
bool is_checked(const std::string& argument, const torch::jit::Value& value) {
  if (value.node()->kind() == torch::jit::Symbol::fromQualString("prim::" + argument)) {
    return argument != "memory_format";
  }
  const auto constant = torch::jit::toIValue(&value);
  if (!constant) return false;
  if (constant->isNone()) return true;
  if (argument == "device") {
    return constant->isDevice() &&
           (constant->toDevice().is_cpu() || constant->toDevice().is_cuda());
  }
  if (!constant->isInt()) return false;
  const std::int64_t number = constant->toInt();
  if (argument == "layout") return number == 0;
  if (argument == "memory_format") return number >= 0 && number <= 1;
  static const std::set<std::int64_t> types = {0, 1, 2, 3, 4, 5, 6, 7, 11, 15};
  return types.contains(number);
}

// Processors trap on an integer divided by 0, and on the lowest one divided by -1.
bool is_safe_division(const torch::jit::Node& node) {
  const std::string_view kind = node.kind().toQualString();
  const bool rounds = kind == "aten::floordiv" || kind == "aten::floor_divide" ||
                      (kind == "aten::div" && node.inputs().size() > 2);
  if (!rounds) return true;
  const auto divisor = torch::jit::toIValue(node.inputs().at(1));
  if (!divisor) return false;
  if (divisor->isDouble()) return true;
  return divisor->isInt() && divisor->toInt() != 0 && divisor->toInt() != -1;
}

bool has_checked_types(const torch::jit::Node& node) {
  const c10::FunctionSchema* schema = node.maybeSchema();
  if (schema == nullptr) return true;
  for (std::size_t i = 0; i < schema->arguments().size() && i < node.inputs().size(); ++i) {
    const std::string& name = schema->arguments()[i].name();
    const bool matters =
        name == "dtype" || name == "layout" || name == "memory_format" || name == "device";
    if (matters && !is_checked(name, *node.inputs()[i])) return false;
  }
  return true;
}

// As forbidden_in(), of one node.
std::string forbidden_node(const torch::jit::Node& node, const torch::jit::CompilationUnit& unit,
                           Types& seen) {
  const std::string kind = node.kind().toQualString();
  if (!is_allowed(kind) || has_graph(node)) return kind;
  if (node.kind() == torch::jit::prim::unchecked_cast && !is_safe_cast(node)) return kind;
  if (!has_checked_types(node)) return kind + " with an element type or device of its own making";
  if (!is_safe_division(node)) return kind + " by what is not a constant number";
  for (const auto values : {node.inputs(), node.outputs()}) {
    for (const torch::jit::Value* value : values) {
      const std::string strange = strange_type(value->type(), unit, seen);
      if (!strange.empty()) return strange;
    }
  }
  return "";
}

}  // namespace

std::string forbidden_in(const torch::jit::Graph& graph, const torch::jit::CompilationUnit& unit) {
  Types seen;
  for (const torch::jit::Value* input : graph.inputs()) {
    const std::string strange = strange_type(input->type(), unit, seen);
    if (!strange.empty()) return strange;
  }
  std::vector<const torch::jit::Block*> blocks = {graph.block()};
  while (!blocks.empty()) {
    const torch::jit::Block* block = blocks.back();
    blocks.pop_back();
    for (const torch::jit::Node* node : block->nodes()) {
      const std::string forbidden = forbidden_node(*node, unit, seen);
      if (!forbidden.empty()) return forbidden;
      for (const torch::jit::Block* inner : node->blocks()) blocks.push_back(inner);
    }
  }
  return "";
}

OnlyAllowedOperators::OnlyAllowedOperators() {
  // libtorch compiles its own functions on first use, and also what replaces the operators
  // of older archives; they need other operators.
  torch::jit::getAllBuiltinFunctionsFor(torch::jit::Symbol::fromQualString("aten::add"));
  torch::jit::populate_upgraders_graph_map();
  for (const auto& known : torch::jit::getAllOperators()) {
    const std::string& name = known->schema().name();
    if (is_allowed(name)) continue;
    hidden_.push_back(known);
    names_.insert(name);
    torch::jit::deregisterOperator(known->schema());
  }
}

OnlyAllowedOperators::~OnlyAllowedOperators() {
  // Graphs compiled earlier point to the operators themselves, which therefore stay.
  static std::vector<std::shared_ptr<torch::jit::Operator>> kept;
  for (const auto& known : hidden_) {
    torch::jit::registerOperator(torch::jit::Operator(*known));
    kept.push_back(known);
  }
}

}  // namespace medgen::torchscript
