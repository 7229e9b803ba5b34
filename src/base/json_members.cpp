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
    repeated_ = !seen_.back().insert(name).second;
    return !repeated_;
  }
  bool end_object() override {
    seen_.pop_back();
    return true;
  }

  bool repeated() const { return repeated_; }

 private:
  bool repeated_ = false;
  std::vector<std::set<std::string>> seen_;
};

}  // namespace

bool repeats_a_member(std::string_view text) {
  MemberReader reader;
  if (json_is_bounded(text)) read_json<nlohmann::json>(text, reader);
  return reader.repeated();
}

}  // namespace medgen::base
