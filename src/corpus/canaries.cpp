// See the header.
#include "corpus/canaries.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/lines.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/text_blocks.h"
#include "medgen/error.h"
#include "text/utf8.h"

namespace medgen::corpus {
namespace {

constexpr std::uint32_t kCanaryStream = 0x4341524eU;     // of random numbers
constexpr std::uint32_t kCandidateStream = 0x43414e44U;  // of others
constexpr std::size_t kMostCanaryLine = std::size_t{64} << 10U;
constexpr const char* kCanaryForm = "The reference number of this note is 000-000-000.";

bool is_canary_digit(char c) { return c >= '0' && c <= '9'; }

std::string digits_replaced(std::string text, const base::RandomKey& key) {
  std::uint32_t place = 0;
  for (char& c : text) {
    if (is_canary_digit(c))
      c = static_cast<char>('0' + static_cast<int>(10 * base::uniform(key, place++)));
  }
  return text;
}

// What is wrong with the line, or empty.
std::string parse_canary(const std::string& line, Canary& canary) {
  const auto record = base::parse_json<nlohmann::json>(line);
  if (record.is_discarded()) return "it is " + base::json_fault(line, "not a JSON object");
  if (!record.is_object()) return "it is not a JSON object";
  for (const auto& [key, value] : record.items()) {
    if (key != "text" && key != "times") {
      return "it has a member " + base::json_key_shown(key) +
             "; a canary has \"text\" and \"times\"";
    }
  }
  const auto text = record.find("text");
  if (text == record.end() || !text->is_string()) return "\"text\" must be a text";
  canary.text = text->get<std::string>();
  if (canary.text.size() > kMostCanaryBytes) {
    return fmt::format("\"text\" has {} bytes; at most {} are allowed", canary.text.size(),
                       kMostCanaryBytes);
  }
  if (digits_of(canary.text) < kLeastCanaryDigits) {
    return fmt::format(
        "\"text\" has {} digits; {} or more are needed, for the digits are what nobody can guess",
        digits_of(canary.text), kLeastCanaryDigits);
  }
  const auto times = record.find("times");
  if (times == record.end() || !times->is_number_unsigned() ||
      times->get<std::uint64_t>() > static_cast<std::uint64_t>(kMostCanaryTimes)) {
    return fmt::format("\"times\" must be a whole number from 0 to {}", kMostCanaryTimes);
  }
  canary.times = times->get<int>();
  return "";
}

}  // namespace

int digits_of(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), is_canary_digit));
}

std::vector<Canary> read_canaries(const std::filesystem::path& file) {
  base::Lines lines(base::text_file_blocks(file), kMostCanaryLine);
  std::vector<Canary> canaries;
  for (base::Line line; lines.next(line);) {
    if (base::is_blank(line.text)) continue;
    Canary canary;
    std::string why = line.too_long ? "it is too long" : parse_canary(line.text, canary);
    if (canaries.size() == static_cast<std::size_t>(kMostCanaries)) {
      why = fmt::format("there are more than {} canaries", kMostCanaries);
    }
    if (!why.empty()) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("{}:{}: {}; a canary is {{\"text\": TEXT, \"times\": NUMBER}}",
                              file.string(), line.number, why));
    }
    canaries.push_back(std::move(canary));
  }
  if (canaries.empty()) throw Error(ErrorCode::kRuntime, file.string() + " has no canaries");
  return canaries;
}

std::string canaries_jsonl(const std::vector<Canary>& canaries) {
  std::string text;
  for (const Canary& canary : canaries) {
    text += nlohmann::ordered_json{{"text", canary.text}, {"times", canary.times}}.dump() + "\n";
  }
  return text;
}

std::vector<Canary> make_canaries(int count, int times, std::uint64_t seed) {
  std::vector<Canary> canaries;
  for (int i = 0; i < 2 * count; ++i) {
    const base::RandomKey key{seed, static_cast<std::uint64_t>(i), kCanaryStream};
    canaries.push_back({digits_replaced(kCanaryForm, key), i < count ? times : 0});
  }
  return canaries;
}

std::string with_random_digits(const std::string& text, std::uint64_t seed, std::uint64_t number) {
  return digits_replaced(text, {seed, number, kCandidateStream});
}

std::string canaries_fingerprint(const std::vector<Canary>& canaries) {
  return base::sha256(canaries_jsonl(canaries));
}

}  // namespace medgen::corpus
