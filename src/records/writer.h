// How records are written.
#pragma once

#include <string>

#include "records/record.h"
#include "records/table.h"

namespace medgen::records {

// What stands before the first record of an output: of a table, with these columns.
std::string heading(Form form, const TableColumns& columns = {});

class Writer {
 public:
  explicit Writer(Origin origin, TableColumns columns = {})
      : origin_(std::move(origin)), columns_(std::move(columns)) {}

  // Line breaks included. A pure function of the record, the form and the origin.
  std::string write(const Record& record, Form form) const;

 private:
  Origin origin_;
  TableColumns columns_;  // of tables
};

}  // namespace medgen::records
