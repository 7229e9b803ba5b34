// The results of a comparison as one HTML file that needs no other file and no network.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "research/metrics.h"
#include "research/sample.h"

namespace medgen::report {

// What the reader is told besides the numbers. Empty fields are left out.
struct ReportContext {
  std::string title = "Sampling settings compared";
  std::string program;  // and its version
  std::string model_name, model_sha256;
  std::string prompts_name, prompts_sha256;
  std::string reference_name;
  std::uint64_t seed = 0;
  bool has_seed = false;
  int samples_per_prompt = 0;
  nlohmann::ordered_json settings = nlohmann::ordered_json::object();  // setting -> its settings

  // What was varied: variable -> setting -> value. One line of the plots for each.
  std::map<std::string, std::map<std::string, double>> swept;

  std::vector<std::string> notices;  // shown first
};

std::string report_html(const research::Metrics& metrics,
                        const std::vector<research::Sample>& samples, const ReportContext& context);

}  // namespace medgen::report
