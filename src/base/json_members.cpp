// See the header. Without the library's callback: that looks through a list again after each object
// in it.
#include "base/json_members.h"

#include <set>
#include <string>
#include <vector>

#include "base/json.h"

namespace medgen::base {
namespace {

class MemberReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(nlohmann::json::binary_t&) override { return true; }
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
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
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
