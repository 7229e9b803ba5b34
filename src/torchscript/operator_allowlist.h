// What the code of an archive that the user trusts may use: operators that compute on tensors and
// numbers. Anything not listed is refused, and so is any operator that nobody has reviewed.
#pragma once

#include <torch/csrc/jit/runtime/operator.h>
#include <torch/script.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace medgen::torchscript {

// The first thing in `graph`, blocks within it included, that is not allowed: an operator, a class
// that `unit` does not hold, or an operator with a type or device that libtorch would not check.
// Empty if all are.
std::string forbidden_in(const torch::jit::Graph& graph, const torch::jit::CompilationUnit& unit);

// During its lifetime, libtorch knows only the allowed operators. It evaluates constants while it
// compiles, before anybody can check the graph, and it cannot run what it does not know. For
// the whole process, so only one at a time, and with nothing else being compiled.
class OnlyAllowedOperators {
 public:
  OnlyAllowedOperators();
  ~OnlyAllowedOperators();
  OnlyAllowedOperators(const OnlyAllowedOperators&) = delete;
  OnlyAllowedOperators& operator=(const OnlyAllowedOperators&) = delete;

  // Whether libtorch has an operator of this name ("aten::save") that is hidden now.
  bool hides(const std::string& name) const { return names_.contains(name); }

 private:
  std::vector<std::shared_ptr<torch::jit::Operator>> hidden_;
  std::set<std::string> names_;
};

}  // namespace medgen::torchscript
