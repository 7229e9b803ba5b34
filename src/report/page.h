// What every page is made of: one file that loads nothing, with its own style and script.
#pragma once

#include <string>
#include <string_view>

namespace medgen::report {

struct Page {
  std::string title;  // plain text
  std::string body;   // HTML, beneath the heading that the title makes
  std::string_view style;
  std::string_view script = {};  // the page runs nothing else
};

std::string page(const Page& page);

}  // namespace medgen::report
