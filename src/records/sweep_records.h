// How a prompt's texts are written under each of a sweep's settings: a record as `batch`
// writes it for each, with the setting's name. Must not know of files or of how text is made.
#pragma once

#include <string>
#include <vector>

#include "batch/request_maker.h"
#include "batch/row.h"
#include "records/json_writer.h"

namespace medgen::records {

class SweepRecords {
 public:
  // `settings` as requested, in the order of the requests' variants. The request of
  // `provenance` is left to the rows.
  SweepRecords(std::vector<batch::NamedSettings> settings, Provenance provenance);

  // A line for each setting, also for a failed prompt, so that every prompt has equally many lines.
  std::string record(const batch::FinishedRow& finished) const;

 private:
  std::vector<batch::NamedSettings> settings_;
  Provenance provenance_;
};

}  // namespace medgen::records
