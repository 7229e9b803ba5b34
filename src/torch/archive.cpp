// Opening a TorchScript file from disk.
#include "torch/archive.h"

#include <caffe2/serialize/inline_container.h>

#include <regex>

#include "medgen/error.h"

namespace medgen {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorCode::kModel, "cannot use the model " + path.string() + ": " + why);
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string record_text(caffe2::serialize::PyTorchStreamReader& reader, const std::string& name) {
  auto [data, size] = reader.getRecord(name);
  return {static_cast<const char*>(data.get()), size};
}

// Of libtorch's "Unknown builtin op: aten::name." the name; empty if it says something else.
std::string unknown_operator(const std::string& message) {
  static const std::regex pattern(R"(Unknown (?:builtin )?op: ([\w:.]+[\w]))");
  std::smatch found;
  return std::regex_search(message, found, pattern) ? found[1].str() : std::string();
}

}  // namespace

std::string first_line(const std::exception& error) {
  const std::string message = error.what();
  return message.substr(0, message.find('\n'));
}

void scan_archive(const std::filesystem::path& model_pt) {
  // Code is stored as Python-like text: torch.save(x, "file"), torch.from_file(...),
  // ops.name.space(...).
  static const std::regex forbidden(
      R"(\b(torch|ops\.aten)\.(save|from_file)\b|\bdef __setstate__\b|\bops\.(?!aten\.|prim\.)\w+)");
  try {
    caffe2::serialize::PyTorchStreamReader reader(model_pt.string());
    if (!reader.hasRecord("data.pkl") || !reader.hasRecord("constants.pkl")) {
      refuse(model_pt,
             "it is not a TorchScript archive (no code in it). A file written by Python's "
             "torch.save is not one; write it with torch.jit.save, or convert the "
             "checkpoint's safetensors with `medgen convert`.");
    }
    for (const std::string& name : reader.getAllRecords()) {
      if (!ends_with(name, ".py")) continue;
      const std::string code = record_text(reader, name);
      std::smatch found;
      if (std::regex_search(code, found, forbidden)) {
        refuse(model_pt, "its code (" + name + ") contains '" + found[0].str() +
                             "', which a language model does not need and which could touch files. "
                             "It was not loaded.");
      }
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    refuse(model_pt,
           "it is not a whole TorchScript archive; it may be truncated or something else. "
           "Copy or convert it again.");
  }
}

torch::jit::Module load_archive(const std::filesystem::path& model_pt) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(model_pt, error)) {
    refuse(model_pt,
           std::filesystem::exists(model_pt, error) ? "it is not a file" : "there is no such file");
  }
  scan_archive(model_pt);
  try {
    torch::jit::Module module = torch::jit::load(model_pt.string(), at::kCPU);
    module.eval();
    return module;
  } catch (const std::exception& failure) {
    const std::string name = unknown_operator(failure.what());
    if (!name.empty()) {
      refuse(model_pt,
             "this libtorch (" TORCH_VERSION ") has no operator " + name +
                 ". Build medgen against a newer libtorch (CMAKE_PREFIX_PATH), or export the model "
                 "with an older one, or convert its checkpoint with `medgen convert`.");
    }
    refuse(model_pt, "libtorch " TORCH_VERSION " could not load it: " + first_line(failure));
  }
}

}  // namespace medgen
