// What a user of libtorch without medgen would write: loads the model.pt of a bundle and prints how
// far its logits are from those of an expected.json, whole and token by token with a cache.
//
//   plain_libtorch BUNDLE EXPECTED.json
#include <torch/script.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace {

using nlohmann::json;

json read_json(const std::string& file) {
  std::ifstream stream(file);
  return json::parse(stream);
}

double difference(const at::Tensor& logits, const json& rows) {
  double worst = 0;
  for (const json& row : rows) {
    const at::Tensor found = logits[0][row.at("position").get<std::int64_t>()];
    const at::Tensor wanted = torch::tensor(row.at("values").get<std::vector<float>>());
    const double here = (found - wanted).abs().max().item<double>();
    worst = std::isnan(here) ? INFINITY : std::max(worst, here);
  }
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const c10::InferenceMode no_gradients;
  const std::string bundle = argv[1];
  const json config = read_json(bundle + "/config.json");
  torch::jit::Module model = torch::jit::load(bundle + "/model.pt");
  const auto call = [&](const at::Tensor& ids, const at::Tensor& positions,
                        const c10::IValue& cache) {
    return model.forward({ids, positions, cache}).toTuple()->elements()[0].toTensor();
  };
  const json expected = read_json(argv[2]);
  double worst = 0;
  for (const json& sequence : expected.at("sequences")) {
    const at::Tensor ids =
        torch::tensor(sequence.at("ids").get<std::vector<std::int64_t>>()).unsqueeze(0);
    const std::int64_t length = ids.size(1);
    const at::Tensor positions = torch::arange(length).unsqueeze(0);
    const auto heads = config.at("n_head").get<std::int64_t>();
    const at::Tensor cache =
        torch::zeros({config.at("n_layer").get<std::int64_t>(), 2, 1, heads, length,
                      config.at("n_embd").get<std::int64_t>() / heads});
    std::vector<at::Tensor> parts;
    for (std::int64_t begin = 0, count = std::min<std::int64_t>(3, length); begin < length;
         begin += std::exchange(count, 1)) {
      parts.push_back(call(ids.narrow(1, begin, count), positions.narrow(1, begin, count), cache));
    }
    const json& rows = sequence.at("logits");
    worst = std::max({worst, difference(call(ids, positions, {}), rows),
                      difference(torch::cat(parts, 1), rows)});
  }
  std::cout << worst << "\n";
}
