// An output file with its lock and its journal: what is already there, and whether it may be
// continued.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "batch/record_writer.h"

namespace medgen::batch {

class OutputFile {
 public:
  // Opens and locks; creates an empty file if there is none, which is deleted unless begin() is
  // called. With `restart`, existing content is ignored. Throws Error(kUsage) if another
  // process has the lock, if there is an output without a journal, or the reverse, or if the
  // journal has another format and is not complete;
  // Error(kRuntime) if the system refuses.
  OutputFile(std::filesystem::path path, bool restart);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  // What the journal holds, if there is a job to continue.
  const std::optional<JournalContent>& found() const { return found_; }

  // Throws Error(kUsage) that says what differs, if there is a job to continue and it is not `job`.
  // `view` picks what of a job counts; unset: all of it.
  void require_same(const Json& job, const std::function<Json(Json)>& view = {}) const;

  // Throws Error(kUsage) if the job that is there was written in another format: it can be looked
  // at, not continued.
  void require_this_format() const;

  // For a file opened with `restart`: continues what is there after all if it is of the same job.
  // Throws Error(kUsage) if its journal cannot be read.
  void continue_if_same(const Json& job, const Json& extra);

  // Cuts off what is not known to be good, and resumes; or starts over. The writer must not outlive
  // this object. Throws Error(kUsage) if the output is not what the journal says it was.
  RecordWriter begin(const Json& job, const Json& extra, bool in_order);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  bool created_ = false;
  bool begun_ = false;
  std::optional<JournalContent> found_;
};

// The hash of the first `bytes` bytes of a descriptor's file; nothing if it is shorter.
std::unique_ptr<base::RunningHash> hash_of_beginning(int descriptor, std::uint64_t bytes);

}  // namespace medgen::batch
