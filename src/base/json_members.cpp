// See the header. Without the library's callback: that looks through a list again after each object
// in it.
#include "base/json_members.h"

#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/json_watcher.h"

namespace medgen::base {
namespace {

class MemberReader : public JsonWatcher {
 public:
  bool start_object(std::size_t) override {
    seen_.emplace_back();
    return true;
  }
  bool key(std::string& name) override {
    std::set<std::string>& names = seen_.back();
    if (!names.insert(name).second) faults_.twice = true;
    faults_.too_many = names.size() > kMaxJsonMembers;
    return !faults_.too_many;
  }
  bool end_object() override {
    seen_.pop_back();
    return true;
  }

  const MemberFaults& faults() const { return faults_; }

 private:
  MemberFaults faults_;
  std::vector<std::set<std::string>> seen_;
};

}  // namespace

MemberFaults member_faults(std::string_view text) {
  MemberReader reader;
  if (json_is_bounded(text)) read_json<nlohmann::json>(text, reader);
  return reader.faults();
}

}  // namespace medgen::base
