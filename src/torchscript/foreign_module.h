// A TorchScript archive from elsewhere as a module that runs the archive's own code.
#pragma once

#include <torch/script.h>

#include <filesystem>

namespace medgen::torchscript {

// libtorch's own loading runs code before anybody can look at it, and believes what an archive says
// of its tensors' sizes. So the archive is read by TorchArchive, its code is compiled, every
// function, method and hook is held against the allowlist of operators, and only then is the module
// put together, without running anything. Throws Error(kModel): not an archive, an operator that is
// not allowed (named) or not known to this libtorch (named), a __setstate__, an attribute of a kind
// that is not read, or no forward() that takes input ids alone.
torch::jit::Module load_foreign_module(const std::filesystem::path& model_pt);

}  // namespace medgen::torchscript
