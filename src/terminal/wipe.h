// Overwrites what was typed or generated, so that it is in no memory that is used again.
#pragma once

#include <string.h>

#include <string>
#include <vector>

namespace medgen::terminal {

inline void wipe(std::string& text) {
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

inline void wipe(std::wstring& text) {
  ::explicit_bzero(text.data(), text.size() * sizeof(wchar_t));
  text.clear();
}

inline void wipe(std::vector<std::string>& texts) {
  for (std::string& text : texts) wipe(text);
  texts.clear();
}

}  // namespace medgen::terminal
