// What medgen leaves in a folder that may hold text: journals, and what a killed run was writing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace medgen::jobs {

enum class RemainKind {
  kLeftover,           // of a run that was killed; nobody writes it now
  kFinishedJournal,    // needed to merge shards and to retry failed rows
  kUnfinishedJournal,  // needed to continue the job; may hold texts that waited for their turn
  kConvertedModel      // made anew where its Hugging Face folder is used again
};

struct Remain {
  RemainKind kind = RemainKind::kLeftover;
  std::filesystem::path path;
};

// In `folder` itself, in order of their names. Journals of a running batch are left out. Throws
// Error(kUsage) if it is not a folder that can be read.
std::vector<Remain> find_remains(const std::filesystem::path& folder);

// Throws Error(kRuntime) that names what could not be removed.
void remove_remain(const Remain& remain);

}  // namespace medgen::jobs
