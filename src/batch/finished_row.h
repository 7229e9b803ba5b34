// What becomes of a finished row: its records.
#pragma once

#include <vector>

#include "batch/request_maker.h"
#include "batch/row.h"
#include "records/record.h"

namespace medgen::batch {

// The form of the row's records in an output of form `output`: an OpenAI row is answered in kind.
records::Form form_of(const BatchRow& row, records::Form output);

records::Record record_of(const FinishedRow& finished);

// One for each of a sweep's settings, which are as requested and in the order of the requests'
// variants; also for a failed row, so that every row has equally many.
std::vector<records::Record> records_of(const FinishedRow& finished,
                                        const std::vector<NamedSettings>& settings);

}  // namespace medgen::batch
