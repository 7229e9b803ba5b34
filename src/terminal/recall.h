// The lines of this session, in memory alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/wipe.h"

namespace medgen::terminal {

class Recall {
 public:
  Recall() = default;
  Recall(const Recall&) = delete;
  Recall& operator=(const Recall&) = delete;
  ~Recall() { forget(); }

  // A line was entered; the next recall begins with it. Empty ones and repetitions are left out.
  void add(std::string_view line) {
    if (!line.empty() && (lines_.empty() || lines_.back() != line)) lines_.emplace_back(line);
    restart();
  }
  // What is edited now was given up.
  void restart() {
    at_ = lines_.size();
    base::wipe(draft_);
  }
  // The line before the one that is shown; `edited` is kept for when one comes back to it. Nothing
  // if there is none.
  std::optional<std::string_view> older(std::string_view edited) {
    if (at_ == 0) return std::nullopt;
    if (at_ == lines_.size()) draft_ = edited;
    return lines_[--at_];
  }
  std::optional<std::string_view> newer() {
    if (at_ == lines_.size()) return std::nullopt;
    return ++at_ == lines_.size() ? std::string_view(draft_) : lines_[at_];
  }
  void forget() {
    base::wipe(lines_);
    restart();
  }

 private:
  std::vector<std::string> lines_;
  std::size_t at_ = 0;
  std::string draft_;
};

}  // namespace medgen::terminal
