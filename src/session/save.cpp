// See the header.
#include "session/save.h"

#include "base/files.h"
#include "base/new_file.h"
#include "base/refuse.h"
#include "records/writer.h"
#include "session/wipe.h"

namespace medgen::session {

void save_answers(const Answers& answers, const records::Origin& origin,
                  const std::filesystem::path& folder, const std::string& name) {
  namespace fs = std::filesystem;
  if (name.find('/') != std::string::npos || name.starts_with('.')) {
    base::refuse("give the name of a file alone: it is made in the folder of --save-folder");
  }
  const fs::path path = folder / name;
  std::error_code missing;
  if (fs::exists(fs::symlink_status(path, missing))) {
    base::refuse("there is a file of that name already: give another name");
  }
  base::require_own_output(path);
  base::StagedFile file(path, base::StagedFile::Existing::kRefuse);
  const records::Writer writer(origin);
  int number = 0;
  for (const auto& answer : answers) {
    records::Record record;
    record.id = ++number;
    record.prompt = answer->prompt;
    record.specials = answer->specials;
    record.request = answer->request;
    record.completions = answer->completions;
    std::string line = writer.write(record, records::Form::kJson);
    file.write(line);
    wipe(line);
    wipe(record.prompt);
    wipe(record.request);
    wipe(record.completions);
  }
  file.commit();
}

}  // namespace medgen::session
