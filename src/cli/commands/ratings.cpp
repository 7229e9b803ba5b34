// `medgen ratings`: rating packs that came back, as tables or JSON.
#include "report/ratings.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"

namespace medgen::cli {

int ratings_command(const Arguments& words) {
  std::optional<std::vector<std::string>> files;
  bool json = false;
  CommandLine line("medgen ratings",
                   "Reads back the rating packs of `medgen sweep --rating-pack`: how often each "
                   "answer was given for each setting, with 95 % intervals, and how far the raters "
                   "agree (Krippendorff's alpha).");
  line.positionals(reads("FILE"), files, true,
                   "The packs as raters filled them in, one file for each rater, and "
                   "rating_key.csv, in any order.");
  line.flag("--json", json, "Print one JSON object.");
  line.parse(words);
  finish_loading(safety::Writes::kNothing);
  const report::Ratings ratings = report::read_ratings({files->begin(), files->end()});
  Output output(STDOUT_FILENO);
  output.write(json ? report::ratings_json(ratings).dump(
                          -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) +
                          "\n"
                    : visible(report::ratings_table(ratings)));
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
