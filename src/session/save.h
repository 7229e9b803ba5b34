// Texts that a user asked to keep.
#pragma once

#include <filesystem>
#include <string>

#include "records/record.h"
#include "session/answer.h"

namespace medgen::session {

// A record for each answer, in a new file of `folder`. Throws Error(kUsage), without the name, for
// one that is no file's alone or is there already, and what StagedFile throws.
void save_answers(const Answers& answers, const records::Origin& origin,
                  const std::filesystem::path& folder, const std::string& name);

}  // namespace medgen::session
