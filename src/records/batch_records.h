// How the results of a row are written: JSON, OpenAI's batch form, CSV, lines of text.
// Must not know of files or of how text is made.
#pragma once

#include <string>

#include "batch/row.h"
#include "records/json_writer.h"

namespace medgen::records {

enum class RecordFormat { kJsonl, kCsv, kText };

class RecordMaker {
 public:
  // The request of `provenance` is left to the rows.
  RecordMaker(RecordFormat format, Provenance provenance);

  // What stands before the first record.
  std::string heading() const;

  // The record of a row, its line break included. A pure function of the row, its results and what
  // the constructor was given.
  std::string record(const batch::FinishedRow& finished) const;

 private:
  batch::Json provenance(const Request& request) const;
  std::string json_record(const batch::FinishedRow& finished) const;
  std::string openai_record(const batch::FinishedRow& finished) const;
  std::string csv_record(const batch::FinishedRow& finished) const;
  std::string text_record(const batch::FinishedRow& finished) const;

  RecordFormat format_;
  Provenance provenance_;
};

}  // namespace medgen::records
