// What makes a batch's output what it is, as its journal records it.
#pragma once

#include <string>

#include "jobs/batch_job.h"

namespace medgen::jobs {

// A job that differs in any of this is another one; see batch::Journal.
batch::Json describe(const BatchResolved& job, const std::string& backend,
                     const std::string& precision);

}  // namespace medgen::jobs
