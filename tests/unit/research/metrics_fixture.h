// The texts that metrics were computed of elsewhere, for tests.
#pragma once

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "medgen/tokenizer.h"
#include "places.h"

namespace medgen::research {

inline const nlohmann::json& fixture() {
  static const auto json =
      nlohmann::json::parse(std::ifstream(std::string(MEDGEN_FIXTURES) + "/metrics/metrics.json"));
  return json;
}

inline std::vector<std::vector<TokenId>> fixture_texts() {
  std::vector<std::vector<TokenId>> texts;
  for (const auto& text : fixture()["texts"]) {
    texts.push_back(text["tokens"].get<std::vector<TokenId>>());
  }
  return texts;
}

inline std::map<std::string, std::vector<std::size_t>> fixture_prompts() {
  std::map<std::string, std::vector<std::size_t>> prompts;
  for (std::size_t i = 0; i < fixture()["texts"].size(); ++i) {
    prompts[fixture()["texts"][i]["prompt"]].push_back(i);
  }
  return prompts;
}

}  // namespace medgen::research
