// See the header.
#include "torchscript/foreign_module.h"

#include <fmt/format.h>
#include <torch/csrc/jit/serialization/import_source.h>
#include <torch/torch.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "bundle/torch_archive.h"
#include "medgen/error.h"
#include "torchscript/foreign_code.h"
#include "torchscript/operator_allowlist.h"
#include "torchscript/runtime.h"
#include "torchscript/stored_tensor.h"

namespace medgen::torchscript {
namespace {

using Kind = bundle::PickleValue::Kind;
using torch::jit::CompilationUnit;

constexpr std::uint64_t kMaxCodeBytes = std::uint64_t{16} << 20U;  // of all files
constexpr std::uint64_t kMaxTextBytes = std::uint64_t{16} << 20U;
constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxValues = std::size_t{1} << 18U;

// Of libtorch's "Unknown builtin op: aten::name." the name; empty if it says something else.
std::string unknown_operator(const std::string& message) {
  const std::string mark = "Unknown builtin op: ";
  const std::size_t begin = message.find(mark);
  if (begin == std::string::npos) return "";
  const std::string name = message.substr(begin + mark.size(), 100);
  const std::size_t end =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
  return name.substr(0, end);
}

[[noreturn]] void refuse_operator(const bundle::TorchArchive& archive, const std::string& name) {
  archive.fail(fmt::format(
      "its code uses {}, which is not an operator that a model's code may use; none of it was run",
      name));
}

class ForeignLoader {
 public:
  explicit ForeignLoader(const bundle::TorchArchive& archive)
      : archive_(archive),
        pickle_(archive.pickle("data.pkl")),
        unit_(std::make_shared<CompilationUnit>()),
        tensors_(archive),
        constants_(read_constants()),
        importer_(
            unit_, &constants_, [this](const std::string& name) { return source(name); },
            version()) {}

  torch::jit::Module load() {
    if (pickle_.root().kind != Kind::kObject) archive_.fail("it holds no module");
    compile_classes();
    require_allowed();
    return torch::jit::Module(object(pickle_.root_ref(), 0).toObject());
  }

 private:
  // The archive format's version, which decides what old operators mean.
  std::size_t version() const {
    const char* record = archive_.has("version") ? "version" : ".data/version";
    const std::string text = archive_.text(record, 100);
    std::size_t number = 0;
    for (const char c : text) {
      if (c < '0' || c > '9' || number > 1000) break;
      number = number * 10 + static_cast<std::size_t>(c - '0');
    }
    return number;
  }

  // The code of "__torch__.a.b" lies in code/__torch__/a/b.py.
  std::shared_ptr<torch::jit::Source> source(const std::string& qualifier) {
    std::string record = "code/" + qualifier;
    std::replace(record.begin(), record.end(), '.', '/');
    record += ".py";
    if (!archive_.has(record)) return nullptr;
    std::string code = archive_.text(record, kMaxCodeBytes - code_bytes_);
    code_bytes_ += code.size();
    auto source = std::make_shared<torch::jit::Source>(std::move(code), record, 1);
    const std::string fault = code_.fault(source);
    if (!fault.empty()) archive_.fail(fault);
    return source;
  }

  // Tensors only, as everything else is written into the code.
  std::vector<at::IValue> read_constants() {
    const bundle::Pickle constants = archive_.pickle("constants.pkl");
    if (constants.root().kind != Kind::kTuple) archive_.fail("its constants.pkl is damaged");
    std::vector<at::IValue> values;
    for (const bundle::PickleRef item : constants.root().items) {
      if (!bundle::TorchArchive::is_tensor(constants, constants.at(item))) {
        archive_.fail("its constants.pkl holds something that is not a tensor");
      }
      values.emplace_back(tensor(constants, constants.at(item), "constants"));
    }
    return values;
  }

  at::Tensor tensor(const bundle::Pickle& pickle, const bundle::PickleValue& value,
                    const char* folder) {
    count();
    return tensors_.read(archive_.tensor(pickle, value, folder));
  }

  std::string class_name(const bundle::PickleValue& object) const {
    std::string name(pickle_.text_of(object.what));
    std::replace(name.begin(), name.end(), '\n', '.');
    if (!name.starts_with("__torch__.") || name.starts_with("__torch__.torch.classes.")) {
      archive_.fail("it holds an object of a class that is not its own");
    }
    return name;
  }

  // Every class that an object has, and everything that its code names.
  void compile_classes() {
    std::vector<bool> seen(pickle_.size(), false);
    std::vector<bundle::PickleRef> left = {pickle_.root_ref()};
    while (!left.empty()) {
      const bundle::PickleRef ref = left.back();
      left.pop_back();
      if (ref == bundle::PickleValue::kNothing || seen[ref]) continue;
      seen[ref] = true;
      const bundle::PickleValue& value = pickle_.at(ref);
      if (value.kind == Kind::kObject) {
        const std::string name = class_name(value);
        const c10::TypePtr type = importer_.loadType(c10::QualifiedName(name));
        const auto class_type = type ? type->cast<c10::ClassType>() : nullptr;
        if (!class_type) archive_.fail("it has no code for a class of its objects");
        classes_[name] = class_type;
      }
      left.insert(left.end(), value.items.begin(), value.items.end());
      left.insert(left.end(), {value.arguments, value.state});
    }
  }

  void require_allowed(torch::jit::Function& function) const {
    if (function.name() == "__setstate__") {
      archive_.fail(
          "its code has a __setstate__, which runs while it is loaded; that is not allowed");
    }
    if (!function.isGraphFunction()) archive_.fail("its code has a function that is not its own");
    const std::string forbidden =
        forbidden_in(*torch::jit::toGraphFunction(function).graph(), *unit_);
    if (!forbidden.empty()) refuse_operator(archive_, forbidden);
  }

  void require_allowed() const {
    for (torch::jit::Function* function : unit_->get_functions()) require_allowed(*function);
    // The unit has the methods too; hooks are checked wherever a libtorch keeps them.
    for (const auto& [name, type] : classes_) {
      for (torch::jit::Function* method : type->methods()) require_allowed(*method);
      for (torch::jit::Function* hook : type->getForwardHooks()) require_allowed(*hook);
      for (torch::jit::Function* hook : type->getForwardPreHooks()) require_allowed(*hook);
    }
  }

  [[noreturn]] void not_declared(const std::string& what) const {
    archive_.fail(fmt::format(
        "an attribute in it is not the {} that its code declares, or has an unsupported type",
        what));
  }

  void count() {
    if (++values_ > kMaxValues) archive_.fail("it has more attributes than any model has");
  }

  // An object that several others hold is created once.
  at::IValue object(bundle::PickleRef ref, int depth) {
    const auto [place, is_new] = objects_.emplace(ref, at::IValue());
    if (!is_new && place->second.isNone()) archive_.fail("an object in it contains itself");
    if (is_new) place->second = new_object(pickle_.at(ref), depth);
    return place->second;
  }

  at::IValue new_object(const bundle::PickleValue& value, int depth) {
    const auto class_type = classes_.at(class_name(value));
    if (value.state == bundle::PickleValue::kNothing ||
        pickle_.at(value.state).kind != Kind::kDictionary) {
      archive_.fail("an object in it has no attributes");
    }
    std::map<std::string_view, bundle::PickleRef> attributes;
    const std::vector<bundle::PickleRef>& items = pickle_.at(value.state).items;
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      attributes[pickle_.text_of(items[i])] = items[i + 1];
    }
    const std::size_t slots = class_type->numAttributes();
    auto made = c10::ivalue::Object::create(c10::StrongTypePtr(unit_, class_type), slots);
    for (std::size_t slot = 0; slot < slots; ++slot) {
      const auto found = attributes.find(class_type->getAttributeName(slot));
      if (found == attributes.end()) archive_.fail("an object in it lacks an attribute");
      made->setSlot(slot, value_of(found->second, class_type->getAttribute(slot), depth + 1));
    }
    return made;
  }

  // Texts are copied wherever they are referenced.
  std::string text(const bundle::PickleValue& value) {
    text_bytes_ += value.text.size();
    if (text_bytes_ > kMaxTextBytes) archive_.fail("it has more text than any model has");
    return std::string(value.text);
  }

  // What a list is written as: itself, or a call that tells its type: build_intlist(items),
  // restore_type_tag(items, type).
  const bundle::PickleValue& untagged(const bundle::PickleValue& value) const {
    const std::string_view called = pickle_.text_of(value.what);
    const auto arguments = pickle_.arguments_of(value);
    const bool tag = called.starts_with("torch.jit._pickle\n") && !arguments.empty();
    return tag ? pickle_.at(arguments[0]) : value;
  }

  at::IValue value_of(bundle::PickleRef ref, const c10::TypePtr& type, int depth) {
    count();
    if (depth > kMaxDepth) archive_.fail("its objects are nested too deeply");
    const bundle::PickleValue& value = pickle_.at(ref);
    if (const auto optional = type->cast<c10::OptionalType>()) {
      if (value.kind == Kind::kNone) return {};
      return value_of(ref, optional->getElementType(), depth + 1);
    }
    switch (type->kind()) {
      case c10::TypeKind::NoneType:
        if (value.kind == Kind::kNone) return {};
        break;
      case c10::TypeKind::TensorType:
        if (bundle::TorchArchive::is_tensor(pickle_, value)) return tensor(pickle_, value, "data");
        break;
      case c10::TypeKind::BoolType:
        if (value.kind == Kind::kBool) return value.integer != 0;
        break;
      case c10::TypeKind::IntType:
        if (value.kind == Kind::kInteger) return value.integer;
        break;
      case c10::TypeKind::FloatType:
        if (value.kind == Kind::kFloat) return value.real;
        break;
      case c10::TypeKind::StringType:
        if (value.kind == Kind::kText) return text(value);
        break;
      case c10::TypeKind::ListType:
        return list(untagged(value), type->expectRef<c10::ListType>(), depth);
      case c10::TypeKind::TupleType:
        return tuple(value, type->expectRef<c10::TupleType>(), depth);
      case c10::TypeKind::DictType:
        return dictionary(untagged(value), type->expectRef<c10::DictType>(), depth);
      case c10::TypeKind::ClassType:
      case c10::TypeKind::InterfaceType:
        if (value.kind == Kind::kObject && classes_.at(class_name(value))->isSubtypeOf(*type)) {
          return object(ref, depth);
        }
        break;
      default:
        break;
    }
    not_declared(c10::typeKindToString(type->kind()));
  }

  at::IValue list(const bundle::PickleValue& value, const c10::ListType& type, int depth) {
    if (value.kind != Kind::kList && value.kind != Kind::kTuple) {
      not_declared("list");
    }
    c10::impl::GenericList made(type.getElementType());
    for (const bundle::PickleRef item : value.items) {
      made.push_back(value_of(item, type.getElementType(), depth + 1));
    }
    return made;
  }

  at::IValue tuple(const bundle::PickleValue& value, const c10::TupleType& type, int depth) {
    if (value.kind != Kind::kTuple || value.items.size() != type.elements().size()) {
      not_declared("tuple");
    }
    std::vector<at::IValue> items;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      items.push_back(value_of(value.items[i], type.elements()[i], depth + 1));
    }
    return c10::ivalue::Tuple::create(std::move(items));
  }

  at::IValue dictionary(const bundle::PickleValue& value, const c10::DictType& type, int depth) {
    if (value.kind != Kind::kDictionary) not_declared("dictionary");
    c10::impl::GenericDict made(type.getKeyType(), type.getValueType());
    for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
      made.insert_or_assign(value_of(value.items[i], type.getKeyType(), depth + 1),
                            value_of(value.items[i + 1], type.getValueType(), depth + 1));
    }
    return made;
  }

  const bundle::TorchArchive& archive_;
  const bundle::Pickle pickle_;
  const std::shared_ptr<CompilationUnit> unit_;
  std::size_t values_ = 0;
  std::uint64_t code_bytes_ = 0;
  CodeReader code_;
  std::uint64_t text_bytes_ = 0;
  RecordReader tensors_;
  std::map<bundle::PickleRef, at::IValue> objects_;
  const std::vector<at::IValue> constants_;
  const torch::jit::SourceImporter importer_;
  std::map<std::string, std::shared_ptr<c10::ClassType>> classes_;
};

// forward() can be called with input ids alone.
void require_forward(const bundle::TorchArchive& archive, const torch::jit::Module& module) {
  const auto method = module.find_method("forward");
  if (!method) archive.fail("it has no forward()");
  const auto& arguments = method->function().getSchema().arguments();
  const bool one_tensor =
      arguments.size() >= 2 && arguments[1].type()->isSubtypeOf(*c10::TensorType::get()) &&
      std::all_of(arguments.begin() + 2, arguments.end(), [](const c10::Argument& argument) {
        return argument.default_value().has_value();
      });
  if (one_tensor) return;
  std::ostringstream signature;
  signature << method->function().getSchema();
  archive.fail(
      fmt::format("it has the signature {}, which medgen cannot call; it calls forward(input_ids) "
                  "-> logits. Trace the model again with torchscript=True and use_cache=False",
                  signature.str()));
}

}  // namespace

torch::jit::Module load_foreign_module(const std::filesystem::path& model_pt) {
  const bundle::TorchArchive archive = bundle::TorchArchive::open(model_pt);
  const OnlyAllowedOperators only_allowed;
  try {
    torch::jit::Module module = ForeignLoader(archive).load();
    module.eval();
    require_forward(archive, module);
    return module;
  } catch (const Error&) {
    throw;
  } catch (const std::exception& failure) {
    const std::string name = unknown_operator(failure.what());
    if (only_allowed.hides(name)) refuse_operator(archive, name);
    if (!name.empty()) {
      archive.fail(
          fmt::format("this libtorch ({}) has no operator {}. Build medgen against a newer "
                      "libtorch (CMAKE_PREFIX_PATH), or export the model with an older one",
                      TORCH_VERSION, name));
    }
    archive.fail(
        fmt::format("libtorch {} could not load it: {}", TORCH_VERSION, reason_of(failure)));
  }
}

}  // namespace medgen::torchscript
