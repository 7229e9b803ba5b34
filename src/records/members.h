// Members of JSON records from outside: null counts as none, and what is of another type is refused
// with its name, never its text.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "medgen/error.h"
#include "records/record.h"

namespace medgen::records {

[[noreturn]] inline void refuse_record(const std::string& what) {
  throw Error(ErrorCode::kRuntime, what);
}

inline const Json* find_member(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

inline std::string text_member(const Json& object, const char* key,
                               const std::string& otherwise = {}) {
  const Json* value = find_member(object, key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) refuse_record(std::string("\"") + key + "\" is not a string");
  return value->get<std::string>();
}

// An id may be a number too; a whole one that was written as 3.0 is 3.
inline std::string id_text(const Json& id) {
  constexpr double kExact = 9007199254740992;  // 2^53
  const double number = id.is_number_float() ? id.get<double>() : 0.5;
  const bool whole = std::floor(number) == number && std::fabs(number) < kExact;
  return whole ? fmt::format("{}", static_cast<std::int64_t>(number)) : id.dump();
}

inline std::string id_member(const Json& object, const char* key, const std::string& otherwise) {
  const Json* value = find_member(object, key);
  if (value == nullptr) return otherwise;
  return value->is_string() ? value->get<std::string>() : id_text(*value);
}

inline std::optional<double> number_member(const Json& object, const char* key) {
  const Json* value = find_member(object, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    refuse_record(std::string("\"") + key + "\" is not a number");
  }
  return value->get<double>();
}

inline int count_member(const Json& object, const char* key, int otherwise) {
  const auto value = number_member(object, key);
  if (!value) return otherwise;
  if (*value < 0 || *value > 1e9 || *value != std::floor(*value)) {
    refuse_record(std::string("\"") + key + "\" is not a whole number from 0 to 10^9");
  }
  return static_cast<int>(*value);
}

inline TokenId token_of(const Json& id, const char* key = "tokens") {
  const bool fits = id.is_number_integer() && id >= 0 && id <= 0x7fffffff;
  if (!fits) refuse_record(fmt::format("\"{}\" holds something that is not a token id", key));
  return id.get<TokenId>();
}

inline std::vector<TokenId> tokens_of(const Json& object, const char* key = "tokens") {
  std::vector<TokenId> tokens;
  const Json* ids = find_member(object, key);
  if (ids == nullptr) return tokens;
  if (!ids->is_array()) refuse_record(fmt::format("\"{}\" is not an array of token ids", key));
  for (const Json& id : *ids) tokens.push_back(token_of(id, key));
  return tokens;
}

}  // namespace medgen::records
