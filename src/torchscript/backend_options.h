// How a TorchScript back end is to run. Nothing of libtorch here.
#pragma once

#include <string>

namespace medgen::torchscript {

struct BackendOptions {
  int max_slots = 8;
  int threads = 0;             // 0: the cores this process may use
  std::string device = "cpu";  // "cpu" or "cuda"
};

}  // namespace medgen::torchscript
