// An object {"token": id, ...} added to a vocabulary as it is read: a tree of its tens of thousands
// of entries would take longer to build and destroy than everything else in opening a model.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "text/vocabulary_builder.h"

namespace medgen::text {

class VocabularyReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  using Json = nlohmann::json;
  explicit VocabularyReader(VocabularyBuilder& builder) : builder_(builder) {}

  bool is_inside() const { return depth_ > 0; }

  bool start_object(std::size_t) override {
    if (depth_++ > 0) refuse_id(builder_.file(), token_, "{");
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(std::string& token) override {
    token_ = token;
    return true;
  }
  bool number_unsigned(std::uint64_t id) override {
    if (id >= std::uint64_t{kMaxVocabSize}) return other(fmt::to_string(id));
    if (depth_ == 0) refuse_without_vocabulary(builder_.file());
    builder_.add(token_, static_cast<TokenId>(id));
    return true;
  }
  bool number_integer(std::int64_t id) override { return other(fmt::to_string(id)); }
  bool number_float(double, const std::string& text) override { return other(text); }
  bool null() override { return other("null"); }
  bool boolean(bool value) override { return other(value ? "true" : "false"); }
  bool string(std::string& text) override { return other(Json(text).dump(-1, ' ', true)); }
  bool binary(Json::binary_t&) override { return other("binary"); }
  bool start_array(std::size_t) override { return other("["); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  bool other(const std::string& value) {
    if (depth_ == 0) refuse_without_vocabulary(builder_.file());
    refuse_id(builder_.file(), token_, value);
  }

  VocabularyBuilder& builder_;
  std::string token_;
  int depth_ = 0;
};

}  // namespace medgen::text
