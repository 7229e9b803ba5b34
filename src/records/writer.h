// How records are written.
#pragma once

#include <string>

#include "records/record.h"

namespace medgen::records {

// What stands before the first record of an output. With `identifiers`, a table has a column for
// what was found in its texts: its records have Record::identifiers.
std::string heading(Form form, bool identifiers = false);

class Writer {
 public:
  explicit Writer(Origin origin) : origin_(std::move(origin)) {}

  // Line breaks included. A pure function of the record, the form and the origin.
  std::string write(const Record& record, Form form) const;

 private:
  Origin origin_;
};

}  // namespace medgen::records
