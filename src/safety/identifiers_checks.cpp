// See the header.
#include "safety/identifiers_checks.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "safety/identifiers_names.h"

namespace medgen::safety {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii_capital(char c) { return c >= 'A' && c <= 'Z'; }

// The numbers in a text; long ones are cut, which no check below takes for small.
std::vector<int> numbers_in(std::string_view text) {
  std::vector<int> numbers;
  bool inside = false;
  for (const char c : text) {
    if (!is_ascii_digit(c)) {
      inside = false;
      continue;
    }
    if (!inside) numbers.push_back(0);
    inside = true;
    numbers.back() = std::min(numbers.back() * 10 + (c - '0'), 1'000'000);
  }
  return numbers;
}

bool is_month_and_day(int month, int day) {
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

}  // namespace

bool has_luhn_check(std::string_view digits) {
  int sum = 0;
  int count = 0;
  bool zero = true;
  for (auto c = digits.rbegin(); c != digits.rend(); ++c) {
    if (!is_ascii_digit(*c)) continue;
    int digit = *c - '0';
    zero = zero && digit == 0;
    if (count++ % 2 == 1) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return count >= 13 && count <= 19 && !zero && sum % 10 == 0;
}

bool has_iban_check(std::string_view iban) {
  std::string compact;
  for (const char c : iban) {
    if (c != ' ') compact += c;
  }
  if (compact.size() < 15 || compact.size() > 34) return false;
  std::rotate(compact.begin(), compact.begin() + 4, compact.end());
  int rest = 0;
  for (const char c : compact) {
    const int value = is_ascii_digit(c) ? c - '0' : c - 'A' + 10;
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest == 1;
}

bool has_vin_check(std::string_view vin) {
  constexpr std::string_view kLetters = "ABCDEFGHJKLMNPRSTUVWXYZ";
  constexpr std::string_view kValues = "12345678123457923456789";
  constexpr std::array<int, 17> kWeights = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
  if (vin.size() != kWeights.size() || std::none_of(vin.begin(), vin.end(), is_ascii_capital) ||
      std::none_of(vin.begin(), vin.end(), is_ascii_digit)) {
    return false;
  }
  int sum = 0;
  for (std::size_t i = 0; i < vin.size(); ++i) {
    const std::size_t letter = kLetters.find(vin[i]);
    const char value = letter == kLetters.npos ? vin[i] : kValues[letter];
    sum += (value - '0') * kWeights.at(i);
  }
  return vin[8] == (sum % 11 == 10 ? 'X' : static_cast<char>('0' + sum % 11));
}

bool is_plate(std::string_view plate) {
  const auto count = std::count_if(plate.begin(), plate.end(),
                                   [](char c) { return is_ascii_digit(c) || is_ascii_capital(c); });
  return count >= 4 && count <= 8 && std::any_of(plate.begin(), plate.end(), is_ascii_digit);
}

bool is_ipv4(std::string_view address) {
  const std::vector<int> parts = numbers_in(address);
  // Sections of documents are numbered 1.2.3.4.
  return std::all_of(parts.begin(), parts.end(), [](int part) { return part <= 255; }) &&
         std::any_of(parts.begin(), parts.end(), [](int part) { return part >= 10; });
}

bool is_telephone(std::string_view number) {
  const auto count = std::count_if(number.begin(), number.end(), is_ascii_digit);
  const auto first = std::find_if(number.begin(), number.end(), is_ascii_digit);
  return count >= 7 && count <= 21 &&
         std::any_of(first, number.end(), [&](char c) { return is_ascii_digit(c) && c != *first; });
}

bool is_date(std::string_view date) {
  const std::vector<int> parts = numbers_in(date);
  if (parts.size() != 3) return false;
  if (parts[0] > 1000) return parts[0] < 2100 && is_month_and_day(parts[1], parts[2]);
  const bool year = parts[2] < 100 || (parts[2] >= 1850 && parts[2] < 2100);
  return year && (is_month_and_day(parts[0], parts[1]) || is_month_and_day(parts[1], parts[0]));
}

bool is_day_and_month(std::string_view text) {
  const std::vector<int> parts = numbers_in(text);
  return parts.size() == 2 &&
         (is_month_and_day(parts[0], parts[1]) || is_month_and_day(parts[1], parts[0]));
}

bool is_plain_day_and_month(std::string_view text) {
  const std::vector<int> parts = numbers_in(text);
  if (!is_day_and_month(text)) return false;
  const bool graded = parts[1] == 2 || (parts[1] >= 4 && parts[1] <= 6) || parts[1] == 10;
  return !graded || parts[0] > parts[1];
}

bool begins_with_day(std::string_view text) {
  const std::vector<int> parts = numbers_in(text);
  return !parts.empty() && parts[0] >= 1 && parts[0] <= 31;
}

bool ends_with_day(std::string_view text) { return begins_with_day(text); }

bool can_be_place(std::string_view words) {
  const bool shouted =
      std::none_of(words.begin(), words.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  return can_be_name(words) && !is_no_small_place(words) && (!shouted || is_large_city(words));
}

}  // namespace medgen::safety
