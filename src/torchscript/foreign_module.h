// A TorchScript archive from elsewhere as a module that runs the archive's own code.
#pragma once

#include <torch/script.h>

#include <filesystem>

namespace medgen::torchscript {

// libtorch's own loader runs code before anybody can check it, and trusts what an archive says
// about its tensors' sizes. So the archive is read by TorchArchive, its code is compiled, every
// function, method and hook is checked against the operator allowlist, and only then is the module
// assembled, without running anything. Throws Error(kModel): not an archive, an operator that is
// not allowed (named) or not known to this libtorch (named), a __setstate__, an attribute of a kind
// that is not read, or no forward() that takes input ids alone.
torch::jit::Module load_foreign_module(const std::filesystem::path& model_pt);

}  // namespace medgen::torchscript
