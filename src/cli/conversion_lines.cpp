// See the header.
#include "cli/conversion_lines.h"

#include <fmt/format.h>

#include <memory>

#include "cli/output.h"
#include "cli/progress.h"
#include "jobs/converted.h"

namespace medgen::cli {

void show_conversions(bool quiet) {
  const auto line = std::make_shared<Progress>(quiet);
  jobs::watch_conversions({[line, messages = Messages(quiet)](const std::string& text) {
                             line->clear();
                             messages.note(text);
                           },
                           [line](const std::string& what, int done, int total) {
                             if (done == total) return line->clear();
                             line->show(
                                 [&] { return fmt::format("{} {} of {}", what, done, total); });
                           }});
}

}  // namespace medgen::cli
