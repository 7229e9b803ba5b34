// See the header. The source is that of bundle/gpt2_script.h.
#include "torchscript/gpt2_module.h"

#include <torch/torch.h>

#include <map>
#include <memory>

#include "bundle/config.h"
#include "bundle/gpt2_script.h"
#include "medgen/error.h"

namespace medgen::torchscript {
namespace {

using torch::jit::Module;

class ModuleMaker {
 public:
  explicit ModuleMaker(const ModelConfig& config)
      : unit_(std::make_shared<torch::jit::CompilationUnit>()) {
    for (const bundle::ParameterSpec& spec : bundle::parameter_specs(config)) {
      shapes_[spec.name] = spec.shape;
    }
  }

  // `path` ends in a dot unless it is empty.
  Module make(const bundle::ScriptModule& script, const std::string& path) const {
    Module made(c10::QualifiedName(std::string(bundle::kScriptFolder) + "." + script.type), unit_,
                /*shouldMangle=*/true);
    for (const std::string& name : script.parameters) {
      made.register_parameter(name, torch::empty(shapes_.at(path + name), torch::kFloat32),
                              /*is_buffer=*/false);
    }
    for (const auto& [name, inner] : script.modules) {
      made.register_module(name, make(inner, path + name + "."));
    }
    if (!script.methods.empty()) made.define(script.methods);
    return made;
  }

 private:
  std::shared_ptr<torch::jit::CompilationUnit> unit_;
  std::map<std::string, std::vector<std::int64_t>> shapes_;
};

}  // namespace

Module make_gpt2_module(const ModelConfig& config) {
  return ModuleMaker(config).make(bundle::gpt2_script(config), "");
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

}  // namespace medgen::torchscript
