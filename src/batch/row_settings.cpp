// See the header. OpenAI's names are those of its "Create completion" request.
#include "batch/row_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/refuse.h"
#include "engine/settings.h"

namespace medgen::batch {

Json setting_of_text(std::string_view name, const std::string& text) {
  const auto& infos = engine::setting_infos();
  const auto info =
      std::find_if(infos.begin(), infos.end(),
                   [&](const engine::SettingInfo& candidate) { return candidate.name == name; });
  const bool is_text =
      info != infos.end() &&
      (info->kind == engine::SettingKind::kText ||
       ((info->kind == engine::SettingKind::kWord || info->kind == engine::SettingKind::kTexts) &&
        !text.starts_with('[')));
  if (is_text) return text;
  auto value = base::parse_json<Json>(text);
  return value.is_discarded() ? Json(text) : value;
}

void check_ceilings(const Json& settings) {
  constexpr double kCeiling = 100;
  for (const char* name :
       {"temperature", "top_n_sigma", "dynatemp_range", "dynatemp_exponent", "mirostat_tau",
        "repetition_penalty", "dry_multiplier", "dry_base", "length_penalty", "guidance_scale"}) {
    const auto value = settings.find(name);
    if (value == settings.end() || !value->is_number() || value->get<double>() <= kCeiling) {
      continue;
    }
    base::refuse_value(name, fmt::format("{:g}", value->get<double>()),
                       fmt::format("at most {:g} in a row", kCeiling),
                       "is it a measurement? then give `carry` " + std::string(name));
  }
}

const char* openai_setting(std::string_view name, const Json& value) {
  if (name == "max_tokens") return "max_new_tokens";
  if (name == "min_tokens") return "min_new_tokens";  // this and the last five of the list: vLLM's
  for (const char* same : {"n", "temperature", "top_p", "stop", "seed", "presence_penalty",
                           "frequency_penalty", "logprobs", "logit_bias", "top_k", "min_p",
                           "repetition_penalty", "ignore_eos", "length_penalty"}) {
    if (name == same) return same;
  }
  const bool nothing = (name == "stream" || name == "echo") && value == false;
  const bool one = name == "best_of" && value == 1;
  const bool empty = name == "suffix" && value == "";
  return nothing || one || empty || name == "metadata" ? "" : nullptr;
}

}  // namespace medgen::batch
