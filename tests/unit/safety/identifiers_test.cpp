// Identifiers of patients by class, what must not be taken for one, and recall and precision on a
// made sample.
#include "safety/identifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "medgen/error.h"
#include "places.h"

namespace medgen::safety {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string masked(const std::string& text) {
  return mask_identifiers(text, find_identifiers(text));
}

struct Example {
  const char* text;
  const char* masked;
};

class IdentifierClassTest : public ::testing::TestWithParam<Example> {};

TEST_P(IdentifierClassTest, IsReplacedByItsName) {
  EXPECT_EQ(masked(GetParam().text), GetParam().masked);
}

INSTANTIATE_TEST_SUITE_P(
    Examples, IdentifierClassTest,
    ::testing::Values(
        Example{"Mrs. Smith saw Dr. Okafor.", "Mrs. [name] saw Dr. [name]."},
        Example{"Maria's cough is worse.", "[name]'s cough is worse."},
        Example{"José García is dizzy.", "[name] is dizzy."},
        Example{"TANAKA, GRACE L was seen.", "[name] was seen."},
        Example{"His wife, Xiomara, drove.", "His wife, [name], drove."},
        Example{"Lives at 12 Oak Street, Springfield, IL 62704.", "Lives at [place], [place]."},
        Example{"She grew up in Kettlewell.", "She grew up in [place]."},
        Example{"He flew in from Chicago.", "He flew in from [place]."},
        Example{"Postcode LS1 4AB.", "Postcode [place]."},
        Example{"Since May 3 and 3/14/2021", "Since [date] and [date]"},
        Example{"Seen 2021-03-14, 14-Mar-2021, March 2021.", "Seen [date], [date], [date]."},
        Example{"A 91-year-old man, a 93 yo woman.", "A [date]-year-old man, a [date] yo woman."},
        Example{"Call (617) 555-0142 or +44 20 7946 0123.", "Call [telephone] or [telephone]."},
        Example{"Fax the records to 617-555-0199.", "Fax the records to [fax]."},
        Example{"Write to a.b@example.org.", "Write to [email]."},
        Example{"SSN 900-12-3456, last four of SSN 3456.", "SSN [ssn], last four of SSN [ssn]."},
        Example{"MRN: A123456; chart no. 12-3456",
                "MRN: [record-number]; chart no. [record-number]"},
        Example{"Policy number XYZ123456.", "Policy number [plan-number]."},
        Example{"Account #12345678, card 4111 1111 1111 1111",
                "Account #[account], card [account]"},
        Example{"Driver's license D1234567; NPI 1234567893",
                "Driver's license [licence]; NPI [licence]"},
        Example{"VIN 1M8GDM9AXKP042788, license plate ABC 1234.",
                "VIN [vehicle], license plate [vehicle]."},
        Example{"Pacemaker serial no. PM-55012.", "Pacemaker serial no. [device]."},
        Example{"See https://example.org/p/1 now.", "See [url] now."},
        Example{"From 192.0.2.17 and 2001:db8::1:2.", "From [ip-address] and [ip-address]."},
        Example{"Opened by fingerprint ID FP-88213.", "Opened by [biometric]."},
        Example{"See IMG_2041.JPG attached.", "See [photo] attached."},
        Example{"Specimen ID: 22-10443", "Specimen ID: [other-number]"}));

TEST(IdentifiersTest, PlainClinicalTextHasNone) {
  for (const char* text :
       {"BP 120/80, HR 95, SpO2 98 %, temperature 101.2 F.", "Take 5 mg of amlodipine daily.",
        "May have fever. Will report tomorrow.", "Disc bulge at T4-5, strength 4/5, pain 7/10.",
        "Wilson disease, Allen test, Bell's palsy, Ann Arbor stage II, Charcot-Marie-Tooth.",
        "An 89-year-old man; patients aged 90 or over.", "Since 2015 he has had asthma.",
        "Give 1-2 tablets every 4-6 hours.", "pH 7.38-7.42, PEEP 8, FiO2 0.4.",
        "ANA was positive; MR angiography and MS lesions.", "Patient: Well, I feel dizzy.",
        "He lives in Texas and was born in France.", "Nonsyndromic deafness 5.",
        "Section 1.2.3.4 of the policy.", "Mark the site. Hope to go home. Grace period."}) {
    EXPECT_EQ(masked(text), text);
  }
}

TEST(IdentifiersTest, PlacesAreInCharacters) {
  const std::string text = "é José García, MRN 1234567";
  const auto found = find_identifiers(text);
  ASSERT_THAT(found, SizeIs(2));
  const auto places = places_of(text, found);
  EXPECT_EQ(places[0].column, 3U);
  EXPECT_EQ(places[0].length, 11U);
  EXPECT_EQ(places[1].column, 20U);
  EXPECT_EQ(places[1].length, 7U);
  EXPECT_THAT(classes_of(found), ElementsAre("name", "record-number"));
}

TEST(IdentifiersTest, TextThatIsNotUtf8IsRefusedNotPassed) {
  EXPECT_THROW(find_identifiers("MRN \xFF 1234567"), Error);
  EXPECT_THAT(find_identifiers(""), IsEmpty());
}

// --- Recall and precision on tests/fixtures/identifiers/sentences.jsonl ---

struct Sentence {
  std::string text;
  std::vector<Identifier> found;  // what it holds, by the script that made it
};

IdentifierClass class_of(const std::string& name) {
  for (std::size_t i = 0; i < kIdentifierClasses; ++i) {
    if (name_of(static_cast<IdentifierClass>(i)) == name) return static_cast<IdentifierClass>(i);
  }
  throw std::runtime_error("no class " + name);
}

// The sample is ASCII, so that characters are bytes.
std::vector<Sentence> sample() {
  std::ifstream file(MEDGEN_FIXTURES "/identifiers/sentences.jsonl");
  std::vector<Sentence> all;
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    Sentence sentence{json["text"], {}};
    for (const auto& one : json["found"]) {
      const std::size_t column = one["column"];
      sentence.found.push_back({class_of(one["class"]), column - 1, one["length"]});
    }
    all.push_back(std::move(sentence));
  }
  return all;
}

using Finder = std::function<std::vector<Identifier>(std::string_view)>;

struct Score {
  double in_text = 0, recalled = 0, findings = 0, right = 0;
};

bool meet(const Identifier& a, const Identifier& b) {
  return a.kind == b.kind && a.offset < b.offset + b.length && b.offset < a.offset + a.length;
}

// Classes whose recall or precision on the sample is below the floor.
std::vector<std::string> below_floor(const std::vector<Sentence>& sentences, const Finder& find) {
  constexpr double kLowestRecall = 0.75;
  constexpr double kLowestPrecision = 0.9;
  std::map<IdentifierClass, Score> scores;
  const auto count = [](const std::vector<Identifier>& of, const std::vector<Identifier>& in,
                        std::map<IdentifierClass, Score>& into, double Score::*all,
                        double Score::*good) {
    for (const Identifier& one : of) {
      into[one.kind].*all += 1;
      const bool met = std::any_of(in.begin(), in.end(),
                                   [&](const Identifier& other) { return meet(one, other); });
      into[one.kind].*good += met ? 1 : 0;
    }
  };
  for (const Sentence& sentence : sentences) {
    const auto found = find(sentence.text);
    count(sentence.found, found, scores, &Score::in_text, &Score::recalled);
    count(found, sentence.found, scores, &Score::findings, &Score::right);
  }
  std::vector<std::string> below;
  for (std::size_t i = 0; i < kIdentifierClasses; ++i) {
    const auto kind = static_cast<IdentifierClass>(i);
    const Score& score = scores[kind];
    if (score.in_text == 0 || score.recalled < kLowestRecall * score.in_text ||
        score.right < kLowestPrecision * score.findings) {
      below.emplace_back(name_of(kind));
    }
  }
  return below;
}

TEST(IdentifierSampleTest, EveryClassReachesTheFloor) {
  const auto sentences = sample();
  EXPECT_THAT(sentences, SizeIs(300));
  EXPECT_THAT(below_floor(sentences, find_identifiers), IsEmpty());
}

// Companion: without the rules of a class, or with rules that find too much, the floor is missed.
TEST(IdentifierSampleTest, AClassWithoutRulesIsNoticed) {
  const auto sentences = sample();
  for (std::size_t i = 0; i < kIdentifierClasses; ++i) {
    const auto kind = static_cast<IdentifierClass>(i);
    const auto without = [&](std::string_view text) {
      auto found = find_identifiers(text);
      std::erase_if(found, [&](const Identifier& one) { return one.kind == kind; });
      return found;
    };
    EXPECT_THAT(below_floor(sentences, without), ElementsAre(name_of(kind)));
  }
  const auto too_much = [](std::string_view text) {
    auto found = find_identifiers(text);
    found.push_back({IdentifierClass::kOther, 0, 2});
    return found;
  };
  EXPECT_THAT(below_floor(sentences, too_much), ElementsAre("other-number"));
}

// --- Time ---

double seconds_for(const std::string& text) {
  const auto begin = std::chrono::steady_clock::now();
  find_identifiers(text);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// What drives patterns to their worst: long runs, and labels after which nothing comes.
TEST(IdentifiersTest, TimeIsLinearInHostileText) {
  for (const char* part : {"1", "A", "1-", "a.", "Aa ", "MRN ", "Dr. A ", "call ", "(1", "A'A-",
                           "policy number is ", "May ", "a@", "ab:"}) {
    std::string small;
    while (small.size() < 50'000) small += part;
    std::string large;
    for (int i = 0; i < 8; ++i) large += small;
    // A quadratic search would take 64 times as long.
    EXPECT_LT(seconds_for(large), 30 * (seconds_for(small) + 0.02)) << part;
  }
}

}  // namespace
}  // namespace medgen::safety
