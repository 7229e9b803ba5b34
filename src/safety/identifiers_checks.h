// What a pattern cannot check: ranges, check digits, words that are no names.
#pragma once

#include <string_view>

namespace medgen::safety {

bool has_luhn_check(std::string_view digits);  // of a payment card; other characters are skipped
bool has_iban_check(std::string_view iban);    // ISO 13616: the number is 1 modulo 97
bool has_vin_check(std::string_view vin);      // of 17 characters: the ninth, by 49 CFR 565.15
bool is_plate(std::string_view plate);
bool is_ipv4(std::string_view address);
bool is_telephone(std::string_view number);  // 7 to 15 digits (E.164), not all the same

bool is_date(std::string_view date);                 // three numbers, in any of the usual orders
bool is_day_and_month(std::string_view text);        // 3/14
bool is_plain_day_and_month(std::string_view text);  // the same, and no grade such as 3/5 or 7/10
bool begins_with_day(std::string_view text);
bool ends_with_day(std::string_view text);  // "May 3", "May 3, 2021"

bool can_be_place(std::string_view words);

}  // namespace medgen::safety
