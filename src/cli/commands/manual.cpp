// `medgen manual`: a page of the manual, as roff.
#include "cli/documents/manual.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <ctime>

#include "base/nearest.h"
#include "base/refuse.h"
#include "base/value_shown.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"

namespace medgen::cli {
namespace {

std::vector<std::string> files_of(const std::vector<ManualPage>& pages) {
  std::vector<std::string> files;
  for (const ManualPage& page : pages) files.push_back(page.file());
  return files;
}

// The day of SOURCE_DATE_EPOCH, so that a page is the same bytes whenever it is made; else none.
std::string date_of_source() {
  const char* variable = std::getenv("SOURCE_DATE_EPOCH");
  const std::string_view text = variable == nullptr ? "" : variable;
  if (text.empty()) return "";
  constexpr std::time_t kYear10000 = 253402300800;
  std::time_t seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  std::tm day{};
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0 ||
      seconds >= kYear10000 || ::gmtime_r(&seconds, &day) == nullptr) {
    base::refuse("SOURCE_DATE_EPOCH is no date: give seconds since 1970, or leave it unset");
  }
  return fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

// By its file, its name, or the command that it is about; the first where several have the name.
const ManualPage& find_page(const std::vector<ManualPage>& pages, const std::string& wanted) {
  for (const ManualPage& page : pages) {
    if (page.file() == wanted) return page;
  }
  for (const ManualPage& page : pages) {
    if (page.name == wanted || page.name == "medgen-" + wanted) return page;
  }
  const std::string meant = base::nearest(wanted, files_of(pages));
  base::refuse("PAGE is " + base::word_shown(wanted, files_of(pages)) +
               ", and no page is called so: " +
               (meant.empty() ? "" : "did you mean " + meant + "? ") + "medgen manual lists them");
}

}  // namespace

int manual_command(const Arguments& words) {
  std::optional<std::string> wanted;
  const std::vector<ManualPage> pages = manual_pages();
  CommandLine line(
      "medgen manual",
      "Prints a page of the manual for man(1): medgen manual batch | man -l -. Where "
      "medgen was installed, man medgen-batch shows it. Without a page it lists them.");
  line.positional(offers("PAGE", files_of(pages)), wanted, false,
                  "The page, such as medgen-batch.1, or the command that it is about. Default: the "
                  "names of all.");
  line.parse(words);
  finish_loading(safety::Writes::kNothing);
  Output out(STDOUT_FILENO);
  if (wanted) {
    out.write(manual_page(find_page(pages, *wanted), date_of_source()));
  } else {
    for (const ManualPage& page : pages) out.write(page.file() + "\n");
  }
  out.flush();
  return kExitFine;
}

}  // namespace medgen::cli
