// See the header. The pickles name tensors, and the code is what torch.jit.load compiles.
#include "bundle/model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "bundle/archive_writer.h"
#include "bundle/gpt2_script.h"

namespace medgen::bundle {
namespace {

constexpr const char* kPickleProtocol = "\x80\x02";

std::string pickled_state_dict(const std::vector<ParameterSpec>& specs, StorageType storage) {
  std::string text = std::string(kPickleProtocol) + "ccollections\nOrderedDict\n)R(";
  for (std::size_t i = 0; i < specs.size(); ++i) {
    text += pickled(specs[i].name) + pickled_tensor(specs[i], storage, i);
  }
  return text + "u.";
}

// What a module is in data.pkl and in the code.
class ScriptArchive {
 public:
  ScriptArchive(const ModelConfig& config, StorageType storage)
      : specs_(parameter_specs(config)), storage_(storage) {
    for (std::size_t i = 0; i < specs_.size(); ++i) records_[specs_[i].name] = i;
    pickle_ = kPickleProtocol + add(gpt2_script(config), "") + ".";
  }

  const std::string& pickle() const { return pickle_; }
  const std::string& code() const { return code_; }

 private:
  // The module's pickle; its class goes into the code where it is the first of it. `path` ends in a
  // dot unless it is empty.
  std::string add(const ScriptModule& module, const std::string& path) {
    std::string members;
    for (const std::string& name : module.parameters) {
      const std::size_t record = records_.at(path + name);
      members += pickled(name) + pickled_tensor(specs_[record], storage_, record);
    }
    for (const auto& [name, inner] : module.modules) {
      members += pickled(name) + add(inner, path + name + ".");
    }
    if (classes_.insert(module.type).second) code_ += class_of(module);
    return fmt::format("c{}\n{}\n)\x81}}({}ub", kScriptFolder, module.type, members);
  }

  static std::string class_of(const ScriptModule& module) {
    std::string text = fmt::format("class {}(Module):\n  __parameters__ = [", module.type);
    for (const std::string& name : module.parameters) text += fmt::format("\"{}\", ", name);
    text += "]\n  __buffers__ = []\n";
    for (const std::string& name : module.parameters) text += fmt::format("  {} : Tensor\n", name);
    bool numbered = false;  // members whose names are no identifiers
    for (const auto& [name, inner] : module.modules) {
      const bool number = name.front() >= '0' && name.front() <= '9';
      if (number && !numbered) text += "  __annotations__ = []\n";
      numbered = numbered || number;
      const std::string member =
          number ? fmt::format("__annotations__[\"{}\"] =", name) : name + " :";
      text += fmt::format("  {} {}.{}\n", member, kScriptFolder, inner.type);
    }
    return text + indented(module.methods);
  }

  // By two blanks a level, as libtorch writes it, and within a class.
  static std::string indented(std::string_view source) {
    std::string text;
    while (!source.empty()) {
      const std::size_t length = std::min(source.find('\n'), source.size() - 1) + 1;
      const std::string_view line = source.substr(0, length);
      const std::size_t blanks = line.find_first_not_of(' ');
      if (line != "\n") text.append(2 + blanks / 2, ' ').append(line.substr(blanks));
      source.remove_prefix(length);
    }
    return text;
  }

  const std::vector<ParameterSpec> specs_;
  const StorageType storage_;
  std::map<std::string, std::size_t> records_;
  std::set<std::string> classes_;
  std::string code_;
  std::string pickle_;
};

}  // namespace

void write_torchscript(const ModelConfig& config, StorageType storage, const TensorReader& read,
                       const std::filesystem::path& file) {
  const ScriptArchive script(config, storage);
  // Version 10 is that of the operators since libtorch 1.12: gelu has `approximate`.
  write_archive(file,
                {{"data.pkl", script.pickle()},
                 {"code/__torch__/medgen.py", script.code()},
                 {"constants.pkl", std::string(kPickleProtocol) + ")."},
                 {"byteorder", "little"}},
                "10\n", config, storage, read);
}

void write_state_dict(const ModelConfig& config, StorageType storage, const TensorReader& read,
                      const std::filesystem::path& file) {
  write_archive(
      file,
      {{"data.pkl", pickled_state_dict(parameter_specs(config), storage)}, {"byteorder", "little"}},
      "3\n", config, storage, read);
}

}  // namespace medgen::bundle
