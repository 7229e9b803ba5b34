// How records are written.
#pragma once

#include <string>

#include "records/record.h"

namespace medgen::records {

// What stands before the first record of an output.
std::string heading(Form form);

class Writer {
 public:
  explicit Writer(Origin origin) : origin_(std::move(origin)) {}

  // Line breaks included. A pure function of the record, the form and the origin.
  std::string write(const Record& record, Form form) const;

 private:
  Origin origin_;
};

}  // namespace medgen::records
