// See the header.
#include "jobs/index.h"

#include "corpus/shards.h"
#include "medgen/error.h"
#include "why/suffix_index.h"

namespace medgen::jobs {

why::IndexReport make_index(const IndexAsked& asked) {
  const corpus::Shards shards = corpus::open_shards(asked.shards);
  if (asked.opened) asked.opened(why::index_memory(shards));
  return why::build_index(shards, asked.options);
}

why::IndexReport check_index(const std::filesystem::path& folder) {
  const why::SuffixIndex index = why::SuffixIndex::open(folder);
  if (const std::string fault = index.fault(); !fault.empty()) {
    throw Error(ErrorCode::kRuntime,
                folder.string() + " is not sound: " + fault + "; make the index again");
  }
  why::IndexReport report;
  report.tokens = index.tokens();
  report.documents = index.documents();
  report.bytes = std::filesystem::file_size(folder / why::kIndexFile);
  for (std::uint64_t i = 0; i < index.documents(); ++i) {
    report.named_documents += index.name(index.document(i)) != corpus::DocumentName{} ? 1 : 0;
  }
  return report;
}

}  // namespace medgen::jobs
