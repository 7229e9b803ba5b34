// Numbers as the user wrote them: 0.7, not 0.699999988.
#pragma once

#include <charconv>
#include <string>

namespace medgen::records {

// The shortest decimal that reads back as `value`.
inline std::string number_text(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// The double nearest to that decimal, for formats that only know doubles.
inline double as_written(float value) { return std::stod(number_text(value)); }

}  // namespace medgen::records
