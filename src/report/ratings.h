// Rating packs that came back from their raters.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/rating_pack.h"
#include "research/bootstrap.h"

namespace medgen::report {

// How often each answer was given for one setting.
struct RatedSetting {
  std::string setting;
  std::size_t items = 0;  // rated by somebody
  std::size_t ratings = 0;
  std::vector<double> shares;  // of each answer among the ratings, in the axis's order
  std::vector<research::Interval> intervals;  // 95 %, Wilson's, clustered by item
};

struct RatedAxis {
  const RatingAxis* axis = nullptr;
  std::vector<RatedSetting> settings;  // in order of the key; without those that nobody rated
  std::size_t compared = 0;            // items that two raters or more rated
  std::optional<double> alpha;         // Krippendorff's, ordinal where the answers are ordered
  std::optional<research::Interval> alpha_interval;  // 95 %, over items
};

struct Ratings {
  std::size_t raters = 0, items = 0;  // items of the key
  std::vector<RatedAxis> axes;        // those that somebody rated
};

// `files`: the packs as raters filled them in, one for each rater, and the key, in any order;
// commas, semicolons or tabs between the fields. An empty cell is no rating. Throws Error(kUsage)
// unless there is one key and one pack or more; Error(kRuntime) for an answer that the axis does
// not have, an item that the key does not have or that is there twice: file, line and column, never
// the cell.
Ratings read_ratings(const std::vector<std::filesystem::path>& files);

nlohmann::ordered_json ratings_json(const Ratings& ratings);
std::string ratings_table(const Ratings& ratings);

}  // namespace medgen::report
