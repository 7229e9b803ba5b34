// Memory that held texts is overwritten before it is given back.
#pragma once

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace medgen::base {

// Each leaves its argument empty. All that a text or a list has room for is overwritten: it may
// have been longer.
template <class Character>
void wipe(std::basic_string<Character>& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size() * sizeof(Character));
  text.clear();
}

template <class T>
void wipe(std::vector<T>& values) {
  if constexpr (std::is_trivially_copyable_v<T>) {
    values.resize(values.capacity());
    if (!values.empty()) ::explicit_bzero(values.data(), values.size() * sizeof(T));
  } else {
    for (T& value : values) wipe(value);
  }
  values.clear();
}

}  // namespace medgen::base
