// The code of a TorchScript archive as text, checked before libtorch's compiler sees it.
#pragma once

#include <torch/script.h>

#include <memory>
#include <string>

namespace medgen::torchscript {

struct CodeCount {
  int classes = 0;
  int functions = 0;
};

// Checks the sources of one archive, one after another. libtorch runs what a parameter's
// default or a class's constant says as soon as it reads it, so these must be literals. Its
// parser and compiler recurse, so nesting, statement length and the number of classes and
// functions, which may each need the next, are bounded.
class CodeReader {
 public:
  // Why a source must not be compiled; empty if it may.
  std::string fault(const std::shared_ptr<torch::jit::Source>& source);

 private:
  CodeCount count_;
};

}  // namespace medgen::torchscript
