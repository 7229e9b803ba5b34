// Whole numbers of JSON from outside.
#pragma once

#include <cstdint>

namespace medgen::base {

// A whole number from 0 on. Throws the library's type_error for any other value, where get() would
// make one of a fraction or a negative number.
template <typename Json>
std::uint64_t whole_number(const Json& value) {
  return value.template get_ref<const typename Json::number_unsigned_t&>();
}

}  // namespace medgen::base
