// Patterns first, most specific first; a number that is labelled is what its label says.
#include "safety/identifiers_rules.h"

#include "safety/identifiers_checks.h"
#include "safety/identifiers_names.h"

namespace medgen::safety {
namespace {

using Kind = IdentifierClass;
using std::string;

const string kStart = R"((?<![\p{L}\p{N}_]))";  // of a word
const string kEnd = R"((?![\p{L}\p{N}_]))";
// A word with a capital, and up to three of them.
const string kCap = R"(\p{Lu}[\p{L}'’-]{1,30})";
const string kCaps = kCap + "(?:[ ]" + kCap + "){0,2}";
const string kPerson =
    R"(\p{Lu}(?:\.|[\p{L}'’-]{1,30})(?:[ ]\p{Lu}(?:\.|(?![\p{L}])|[\p{L}'’-]{1,30})){0,2})";
// A code: at least four letters and digits, one of them a digit.
const string kCode = R"((?=[A-Z\-/.]{0,8}\d)([A-Z0-9](?:[A-Z0-9]|[\-/.](?=[A-Z0-9])){3,29}))";
// What may stand between a label and its code; for labels that are common words it must.
const string kQualifier =
    R"((?:\s{0,2}[(]?(?:number|numbers|num|no|nr|nbr|id|identifier|code|ref)\b\.?[)]?|\s?#|(?=\s?[:=])))";
const string kIs =
    R"(\s{0,2}[:=#]{0,2}\s{0,2}(?:(?:is|was|are|reads|reading|of|ends in|ending in|ending|ends with|on file)\s{1,2})?[:#]?)";

// The code after one of `labels`, a list for a pattern.
string labelled(const string& labels, const string& code = kCode) {
  return "(?i)" + kStart + "(?:" + labels + R"()(?!\p{L}))" + kQualifier + "{0,2}" + kIs + code +
         kEnd;
}
string labelled_fully(const string& labels, const string& code = kCode) {
  return "(?i)" + kStart + "(?:" + labels + R"()(?!\p{L}))" + kQualifier + "{1,2}" + kIs + code +
         kEnd;
}

const string kMonth =
    R"((?:Jan(?:uary)?|JAN(?:UARY)?|Feb(?:ruary)?|FEB(?:RUARY)?|Mar(?:ch)?|MAR(?:CH)?|Apr(?:il)?|APR(?:IL)?|May|MAY|June?|JUNE?|July?|JULY?|Aug(?:ust)?|AUG(?:UST)?|Sept?(?:ember)?|SEPT?(?:EMBER)?|Oct(?:ober)?|OCT(?:OBER)?|Nov(?:ember)?|NOV(?:EMBER)?|Dec(?:ember)?|DEC(?:EMBER)?|january|february|april|june|july|august|september|october|november|december))";
const string kLongMonth =
    R"((?:January|February|March|April|May|June|July|August|September|October|November|December))";
const string kNoUnit =
    R"((?!\s?(?:mg|mcg|ml|mL|g|kg|mmol|units?|tablets?|tabs?|times|x|%|cm|mm)\b))";
// Seven to fifteen digits as people write telephone numbers.
const string kAnyPhone =
    R"((\+?\(?\d(?:[ ().\-/]{0,2}\d){6,14}(?:\s?(?:x|ext\.?|extension)\s?\d{1,6})?))";

void add_numbers(std::vector<IdentifierRule>& rules) {
  rules.push_back({Kind::kEmail,
                   R"((?i)(?<![\w.+-])[\w.+'-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4})"});
  rules.push_back(
      {Kind::kEmail,
       R"((?i)(?<![\w.+-])[\w.+-]{1,64}\s?(?:\(at\)|\[at\]|\sat\s)\s?[a-z0-9-]{1,63}(?:\s?(?:\(dot\)|\[dot\]|\sdot\s)\s?[a-z]{2,20}){1,3})"});
  rules.push_back({Kind::kUrl, R"((?i)(?<![\w])(?:https?|ftp)://[^\s<>"')\]]{1,2000})"});
  rules.push_back(
      {Kind::kUrl,
       R"((?i)(?<![\w@.-])www\.[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4}(?:/[^\s<>"')\]]{0,300})?)"});
  rules.push_back(
      {Kind::kUrl,
       R"((?i)(?<![\w@.-])[a-z0-9-]{2,63}(?:\.[a-z0-9-]{1,63}){0,3}\.(?:com|org|net|edu|gov|info|health|co\.uk|nhs\.uk|org\.uk|ac\.uk)\b(?:/[^\s<>"')\]]{0,300})?)"});
  rules.push_back(
      {Kind::kFax,
       "(?i)" + kStart +
           R"((?:tele)?fax(?:ed|es)?(?:[ ](?:number|no\.?|line|it|to|at|is|was|the|records|results|report|office|them|machine|over)){0,4}\W{0,4})" +
           kAnyPhone});
  rules.push_back(
      {Kind::kSocialSecurity,
       "(?i)" + kStart +
           R"((?:SSN|SS\s?#|soc(?:ial)?\.?\s(?:sec(?:urity)?)\.?|national insurance|NI\s(?:no|number)|NINO)(?:\s(?:number|no\.?|num|#|card)){0,2}\W{0,4}(?:(?:is|was|of|ending in|ending|ends in|last four|last 4|digits)\W{1,3}){0,3}((?:[A-Z]{2}\s?)?\d(?:[ -]?\d){3,8}(?:\s?[A-D])?))" +
           kEnd});
  rules.push_back({Kind::kSocialSecurity, R"((?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-]))"});
}

void add_labelled(std::vector<IdentifierRule>& rules) {
  rules.push_back(
      {Kind::kMedicalRecord,
       labelled(
           R"(MRN|MR\s?#|med(?:ical)?\.?\srec(?:ord)?s?(?=\W{0,3}(?:n|#|id|:))|NHS(?=\s(?:n|#))|CHI(?=\s(?:n|#))|UHID|EMPI|hospital(?=\s(?:n|#|id))|chart(?=\s(?:n|#|id))|unit(?=\s(?:number|no))|EHR\sid|health\srecord|patient(?=\s(?:number|no\b|#|id|identifier))|pt\.?(?=\s(?:no\b|#|id)))",
           R"((?=[A-Z\-/.]{0,8}\d)([A-Z0-9](?:[A-Z0-9]|[\-/. ](?=\d)|[\-/.](?=[A-Z])){3,20}))")});
  rules.push_back(
      {Kind::kHealthPlan,
       labelled_fully(
           R"((?:(?:health|insurance|medical|dental)\s)?(?:plan|policy|member(?:ship)?|subscriber|beneficiary|insurance|group|payer|coverage|enrollee)|(?:blue\scross|aetna|cigna|humana|kaiser|united\s?health(?:care)?|tricare|bupa)(?:\s(?:member|policy|subscriber|group|plan))?)")});
  rules.push_back(
      {Kind::kHealthPlan,
       labelled(R"(medicare|medicaid|HICN|MBI|hic\s(?=n))",
                R"((?=[A-Z\-/.]{0,8}\d)([A-Z0-9](?:[A-Z0-9]|[\-](?=[A-Z0-9])){6,16}))")});
  rules.push_back(
      {Kind::kHealthPlan,
       kStart +
           R"([1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2})" +
           kEnd});
  rules.push_back(
      {Kind::kAccount,
       labelled_fully(
           R"((?:(?:bank|checking|savings|patient|hospital|billing|financial)\s)?(?:account|acct)\.?|a/c|billing|invoice|routing|sort|(?:credit|debit)(?:\scard)?|(?:visa|mastercard|amex)(?:\scard)?|card)",
           R"((?=[A-Z\-/.]{0,8}\d)([A-Z0-9](?:[A-Z0-9]|[\-/. ](?=\d)|[\-/.](?=[A-Z])){3,29}))")});
  rules.push_back({Kind::kAccount, labelled("IBAN", R"(([A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){10,30}))")});
  rules.push_back({Kind::kAccount,
                   kStart + R"([A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){3,7}(?:[ ]?[A-Z0-9]{1,3})?)" + kEnd,
                   has_iban_check});
  rules.push_back({Kind::kAccount, R"((?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-]))", has_luhn_check});
  rules.push_back({Kind::kVehicle,
                   labelled(R"(VIN|vehicle\sid(?:entification)?|chassis)",
                            R"((?=[A-Z\-/.]{0,8}\d)([A-Z0-9](?:[A-Z0-9]|-(?=[A-Z0-9])){5,16}))")});
  rules.push_back({Kind::kVehicle, kStart + "[A-HJ-NPR-Z0-9]{17}" + kEnd, has_vin_check});
  rules.push_back(
      {Kind::kVehicle,
       "(?i)" + kStart +
           R"((?:(?:licen[cs]e|number|vehicle|car|registration|reg)\s(?:plate|tag)s?|plates?|(?:car|vehicle|truck|van)\sreg(?:istration)?))" +
           kQualifier + "{0,2}" + kIs +
           R"((?-i:(?=[A-Z -]{0,6}\d)([A-Z0-9]{1,4}(?:[ -]?[A-Z0-9]{1,5}){1,2})))" + kEnd,
       is_plate});
  rules.push_back(
      {Kind::kLicence,
       labelled(
           R"((?:(?:driver|drivers|driver's|driver’s|driving|medical|nursing|state|professional|pilot|marriage|fishing)\s)(?:licen[cs]e|permit)|licen[cs]e(?=\W{0,2}(?:n|#|id|:))|DL(?=\s?[#:]|\sn)|(?:birth|death|marriage|board)\scertificate|certificate(?=\s(?:n|#))|DEA|NPI|GMC|passport|visa(?=\s(?:number|no))|permit(?=\s(?:n|#))|registration(?=\s(?:n|#)))")});
  rules.push_back(
      {Kind::kDevice,
       labelled(
           R"((?:device|pacemaker|implant|pump|defibrillator|ICD|stent|valve|prosthesis|lead|generator|meter|monitor|CPAP|hearing\said|model)?\s?serial|S/N|SN(?=\s?[:#])|device(?=\W{1,2}(?:id|n|#))|IMEI|UDI|(?:pacemaker|implant|pump|ICD|defibrillator|stent|valve|CPAP)(?=\W{1,2}(?:id|no\b|number|#))|lot(?=\s?(?:#|:|no\b|number)))")});
  rules.push_back({Kind::kDevice, "(?i)" + kStart + R"((?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2})" + kEnd});
  rules.push_back({Kind::kDevice, R"(\(01\)\d{14}(?:\(\d{2}\)[A-Z0-9-]{1,20}){0,4})"});
  rules.push_back({Kind::kIpAddress, R"((?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d))", is_ipv4});
  rules.push_back(
      {Kind::kIpAddress, R"((?i)(?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?![\w:]))"});
  rules.push_back({Kind::kIpAddress,
                   R"((?i)(?<![\w:])(?:[0-9a-f]{1,4}:){2,6}(?::[0-9a-f]{1,4}){1,5}(?![\w:]))"});
  rules.push_back(
      {Kind::kBiometric,
       "(?i)" + kStart +
           R"((?:finger\s?prints?|voice\s?prints?|palm\s?prints?|face\s?prints?|retinal?\sscan|iris\sscan|hand\sgeometry|facial\srecognition|biometrics?|DNA\sprofile|gait\ssignature)(?:\s(?:template|record|file|hash|sample|scan|data|enrol?lment|ID|key|signature|no\.?|number|code|#)){0,3})" +
           kIs + R"((?=[A-Z\-/._ ]{0,8}\d)[A-Z0-9](?:[A-Z0-9]|[\-/._](?=[A-Z0-9])){3,40})" + kEnd});
  rules.push_back(
      {Kind::kBiometric,
       "(?i)" + kStart +
           R"((?:finger\s?prints?|voice\s?prints?|palm\s?prints?|face\s?prints?|retinal?\sscans?|iris\sscans?|facial\srecognition(?:\sdata)?|biometrics?(?:\sdata)?)(?=\s(?:(?:was|were|is|are|has been|have been)\s)?(?:taken|on file|recorded|stored|enrolled|captured|registered|collected|matched|template|hash|unlocks?|login)\b))"});
  rules.push_back(
      {Kind::kPhotograph,
       R"((?i)(?<![\w/.-])[\w.-]{1,100}\.(?:jpe?g|png|heic|tiff?|bmp|gif|webp|dcm)\b)"});
  rules.push_back(
      {Kind::kPhotograph,
       "(?i)" + kStart +
           R"((?:full[- ]face(?:d)?\s(?:photo(?:graph)?|image|picture)s?|facial\s(?:photo(?:graph)?|picture)s?|(?:photo(?:graph)?|picture|selfie|image)s?\sof\s(?:the\spatient's|the\spatient’s|his|her|their|my)\sface|head\s?shots?|mug\s?shots?|selfies?|passport\sphoto(?:graph)?s?|ID\sphoto(?:graph)?s?))" +
           kEnd});
  rules.push_back(
      {Kind::kOther,
       labelled_fully(
           R"((?:case|study|accession|specimen|sample|encounter|visit|claim|order|employee|staff|student|badge|subject|participant|trial|ticket|prescription|rx|confirmation|reference|tracking|military|service|inmate|prisoner|booking|barcode|wristband|requisition|referral|authori[sz]ation|episode|user|login|tax|voter|file)(?:\s(?:record|badge|card|tag))?)")});
  rules.push_back(
      {Kind::kOther,
       labelled("accession|barcode|EIN|TIN(?=\\s?[:#])|username|user\\sname|CSN|wristband")});
  rules.push_back(
      {Kind::kOther, "(?i)" + kStart + R"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})" + kEnd});
  rules.push_back({Kind::kOther, R"((?<![\w.@])@[A-Za-z](?=\w{0,30}[\w])\w{2,30}\b)"});
}

void add_dates(std::vector<IdentifierRule>& rules) {
  rules.push_back(
      {Kind::kDate,
       R"((?<![\d/.-])(?:\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})|\d{1,2}-\d{1,2}-(?:\d{4}|\d{2})|\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})|\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{4}\.\d{1,2}\.\d{1,2})(?!\d|[/.-]\d))" +
           kNoUnit,
       is_date});
  rules.push_back({Kind::kDate,
                   kStart + R"(\d{1,2}(?:st|nd|rd|th)?[ ]?(?:of[ ](?:the[ ])?)?[ -/.]?)" + kMonth +
                       R"((?:\.?,?[ -/.]{1,2}'?(?:(?:19|20)\d{2}|\d{2}(?!\d|\s?(?:y|:))))?)" + kEnd,
                   begins_with_day});
  rules.push_back(
      {Kind::kDate,
       kStart + kMonth +
           R"(\.?[ -](?:the[ ])?\d{1,2}(?:st|nd|rd|th)?(?:,?[ -]{1,2}(?:19|20)\d{2})?)" + kEnd +
           R"((?![.,:/]\d))" + kNoUnit,
       ends_with_day});
  rules.push_back({Kind::kDate, kStart + kMonth + R"(\.?,?[ -](?:of[ ])?'?(?:19|20)\d{2})" + kEnd});
  rules.push_back({Kind::kDate, R"((?<![\d/.-])(?:0?[1-9]|1[0-2])[/-](?:19|20)\d{2}(?![\d/.-]))"});
  rules.push_back(
      {Kind::kDate,
       "(?i)" + kStart +
           R"((?:dated?|dob|d\.o\.b\.|born|admit(?:ted)?|admission|discharged?|surgery|seen|visit|follow[- ]?up|appointment|procedure|started|stopped|due)(?:[ ](?:on|date|was|is|of|for|:)){0,2}:?[ ](\d{1,2}/\d{1,2})(?![\d/%-]))" +
           kNoUnit,
       is_day_and_month});
  rules.push_back(
      {Kind::kDate,
       "(?i)" + kStart +
           R"((?:on|since|until|till|before|after|through|by)[ ](\d{1,2}/\d{1,2})(?![\d/%-]))" +
           kNoUnit,
       is_plain_day_and_month});
  rules.push_back(
      {Kind::kDate,
       kStart +
           R"((?i:in|since|last|early|late|mid|until|by|this|next|through|during|from|before|after|end of|beginning of|middle of)[ -])" +
           "(" + kLongMonth + ")" + kEnd,
       nullptr});
  rules.push_back(
      {Kind::kDate,
       "(?i)" + kStart +
           R"((?:date|dob|born|birth)\W{0,3}((?:19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d)(?!\d))"});
  const string kOver89 = R"((9\d|1[0-2]\d)(?!\d|\+))";
  rules.push_back(
      {Kind::kDate,
       "(?i)" + kStart + kOver89 +
           R"([ -]{0,2}(?:(?:years?|yrs?|yr)\.?[ -]{0,2}(?:old|of[ ]age)|y\.?/?o\.?|yr/o|y/o)(?![\p{L}])(?![ ](?:or|and)[ ](?:older|over|above)))"});
  rules.push_back({Kind::kDate, "(?i)" + kStart +
                                    R"(age[ds]?(?:[ ]?[:=]|[ ](?:of|is|at))?[ ]{0,2})" + kOver89 +
                                    R"((?!\.\d|%|[ ]?(?:or|and)[ ](?:older|over|above)))"});
  rules.push_back(
      {Kind::kDate,
       "(?i)" + kStart +
           R"((?:he|she|i|mother|father|grandmother|grandfather|patient)[ ](?:is|am|was|turned|turns|just turned)[ ](?:now[ ]|already[ ])?)" +
           kOver89 + R"((?=[ ]?(?:[.,;!]|$|years?\b|and\b|but\b|with\b))(?!\.\d))"});
  rules.push_back(
      {Kind::kDate,
       "(?i)" + kStart +
           R"((?:(?:ninety(?:[ -](?:one|two|three|four|five|six|seven|eight|nine))?|(?:one|a)[ -]hundred(?:[ -](?:and[ -])?(?:one|two|three|four|five|six|seven|eight|nine|ten))?)[ -]years?[ -]old|nonagenarian|centenarian))" +
           kEnd});
}

void add_telephones(std::vector<IdentifierRule>& rules) {
  rules.push_back(
      {Kind::kTelephone,
       "(?i)" + kStart +
           R"((?:tel(?:ephone)?|phone[ds]?|ph(?=[.:#])|call(?:ed|s|ing)?|cell(?:phone)?|mobile|mob|pager|paged?|beeper|contact(?:ed)?|reach(?:ed|able)?|text(?:ed)?|whatsapp|ring|rang|dial|hotline|landline|voicemail|home|work|office)\b(?:[ ](?:number|no\.?|me|him|her|them|us|back|is|was|at|on|to|the|line|phone|cell|mobile|clinic|office|daughter|son|wife|husband|family|ward|contact)){0,4}[\s:.#=-]{0,3})" +
           kAnyPhone + R"((?![\d]))",
       is_telephone});
  rules.push_back(
      {Kind::kTelephone,
       R"((?<![\d.\p{L}-])(?:\+?1[ .-]?)?(?:\(\d{3}\)[ ]?|\d{3}[ .-])\d{3}[ .-]\d{4}(?:[ ,]{0,2}(?:x|ext\.?|extension)[ ]?\d{1,6})?(?![\d-]))"});
  rules.push_back({Kind::kTelephone, R"((?<![\d\p{L}])\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?!\d))",
                   is_telephone});
  rules.push_back(
      {Kind::kTelephone, R"((?<![\d.\p{L}-])\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?![\d-]))"});
}

void add_places(std::vector<IdentifierRule>& rules) {
  const string suffix =
      R"((?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr(?!\.?[ ]\p{Lu}[a-z])|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Terrace|Ter|Circle|Cir|Parkway|Pkwy|Highway|Hwy|Square|Sq|Crescent|Close|Gardens|Grove|Mews|Trail|Loop|Row))";
  rules.push_back(
      {Kind::kPlace,
       R"((?<![\d/.\p{L}-])\d{1,6}[A-Za-z]?[ ](?:[NSEW]\.?[ ])?(?:(?:\p{Lu}[\p{L}'’.-]{1,25}|\d{1,3}(?:st|nd|rd|th))[ ]){1,3})" +
           suffix + R"(\b\.?(?:,?[ ](?:Apt|Apartment|Unit|Suite|Ste|Flat|#)\.?[ ]?#?\w{1,6})?)"});
  rules.push_back(
      {Kind::kPlace,
       R"((?<![\d/.\p{L}-])\d{1,5}[ ](?!(?:weeks|days|months|years|miles|blocks|hours|minutes|times|feet|people|cars|of|or|on|in|and|to|steps|meters|metres)\b)[a-z]{3,20}[ ](?:(?!the\b|my\b|this\b|that\b|down\b|from\b|off\b)[a-z]{3,20}[ ])?(?:street|avenue|road|lane|boulevard|drive)\b)"});
  rules.push_back({Kind::kPlace, "(?i)" + kStart + R"(P\.?[ ]?O\.?[ ]Box[ ]#?\d{1,7}\b)"});
  const string states =
      R"((?:AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC))";
  rules.push_back(
      {Kind::kPlace, kStart + kCaps + ",?[ ]" + states + R"([ ]\d{5}(?:-\d{4})?)" + kEnd});
  rules.push_back(
      {Kind::kPlace,
       kStart + "(" + kCaps + "),[ ](?!MD|PA|DO|ID|OR|IN|ME|MS|MA|OK|HI)" + states + kEnd,
       can_be_place});
  rules.push_back({Kind::kPlace, kStart + states + R"([ ]{1,2}\d{5}(?:-\d{4})?)" + kEnd});
  rules.push_back(
      {Kind::kPlace,
       "(?i)" + kStart +
           R"((?:zip|zip[ -]?code|postal[ ]code|post[ ]?code)(?:[ ](?:is|of|area|prefix))?\W{0,3}(\d{3,5}(?:-\d{4})?|[A-Z]{1,2}\d[A-Z\d]?(?:[ ]?\d[A-Z]{2})?))" +
           kEnd});
  rules.push_back(
      {Kind::kPlace,
       kStart + R"([A-PR-UWYZ][A-HK-Y]?\d[A-HJKPSTUW\d]?[ ]\d[ABD-HJLNP-UW-Z]{2})" + kEnd});
  rules.push_back(
      {Kind::kPlace,
       kStart + R"([ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ ]\d[ABCEGHJ-NPRSTV-Z]\d)" + kEnd});
  rules.push_back(
      {Kind::kPlace,
       "(?i)" + kStart +
           R"((?:address|addr)(?:[ ](?:is|on file))?[ ]?:?[ ](\d{1,6}[ ]\p{L}[\p{L}'’ .-]{2,40}))"});
  rules.push_back(
      {Kind::kPlace,
       kStart +
           R"((?i:lives?|living|lived|resides?|residing|resident|born|raised|grew up|moved|moving|relocated|works?|worked|hometown|native|travel+ed|originally|flew|drove|city|town|village|suburb|transferred|based|home)(?:[ ](?:and|alone|just|now|currently|with|his|her|family|back|outside|is))?[ ](?i:in|at|to|from|near|of|outside|is|around)[ ]()" +
           kCaps + ")" + kEnd,
       can_be_place});
  rules.push_back(
      {Kind::kPlace,
       kStart +
           R"((?i:in|at|to|from|near|of|outside|around|,)[ ](?:(?i:downtown|north|south|east|west|central)[ ])?()" +
           kCap + "(?:[ ]" + kCap +
           R"()?)(?![ ](?i:criteria|classification|scale|score|protocol|study|trial|grade|regimen|consensus|guidelines|agreement|virus|declaration)))" +
           kEnd,
       is_large_city});
  rules.push_back(
      {Kind::kPlace,
       kStart + "(" + kCap + "(?:[ ]" + kCap +
           R"()?[ ](?:County|Parish|Township|Borough))(?![ ](?i:hospital|general|jail)))" + kEnd,
       can_be_place});
}

void add_names(std::vector<IdentifierRule>& rules) {
  const string degree =
      R"((?:MD|M\.D\.|DO|D\.O\.|RN|NP|FNP|DNP|PA-C|PA|PhD|Ph\.D\.|MBBS|MBChB|FRCS|FRCP|DDS|DMD|LPN|CRNA|DPM|PharmD|LCSW|CNM|DPT))";
  rules.push_back(
      {Kind::kName,
       kStart + R"((?:Dr|Mr|Mrs|Ms|Mx|Prof|Rev|Sgt|Capt|Hon|DR|MRS)\.?[ ]{1,2}()" + kPerson + ")",
       can_be_name});
  rules.push_back({Kind::kName,
                   kStart + R"((?:dr|mr|mrs|ms|prof)\.?[ ](\p{Lu}\p{Ll}[\p{L}'’-]{1,30}))",
                   can_be_name});
  rules.push_back({Kind::kName, kStart + R"((?:dr|mr|mrs|ms)\.?[ ](\p{Ll}[\p{L}'’-]{1,30}))" + kEnd,
                   is_listed_name});
  rules.push_back(
      {Kind::kName,
       kStart +
           R"((?:Miss|Professor|Doctor|Nurse|Sister|Father|Reverend|Pastor|Rabbi|Imam|Sir|Dame|Madam|Sergeant|Captain|Officer|Judge|Aunt|Auntie|Uncle|Grandma|Grandpa|nurse|doctor|pastor|officer|aunt|uncle)[ ]()" +
           kPerson + ")",
       can_be_name});
  rules.push_back(
      {Kind::kName,
       kStart +
           R"((?i:(?:(?:patient|pt|full|first|last|given|family|maiden|middle|legal|preferred|mother's|father's|spouse's|contact|guardian|provider|physician|baby)[ ])?(?:sur)?name|next[ ]of[ ]kin|NOK|emergency[ ]contact|signed(?:[ ]by)?|dictated[ ]by|transcribed[ ]by|referred[ ]by|referring|seen[ ]by|reviewed[ ]by|interviewed[ ]by|accompanied[ ]by|written[ ]by|cc)(?:[ ]?[:=][ ]{0,3}|[ ])(\p{Lu}[\p{L}'’-]{1,30},?(?:[ ]\p{Lu}(?:\.|(?![\p{L}])|[\p{L}'’-]{1,30})){0,3}))",
       can_be_name});
  rules.push_back(
      {Kind::kName,
       kStart +
           R"((?i:patient|pt|physician|attending|surgeon|doctor|nurse|provider|author|therapist|midwife|mother|father|spouse|guardian|carer|caregiver|wife|husband|re|to|from)[ ]?:[ ]{0,3}(\p{Lu}[\p{L}'’-]{1,30},?(?:[ ]\p{Lu}(?:\.|(?![\p{L}])|[\p{L}'’-]{1,30})){1,3}))",
       can_be_name});
  rules.push_back({Kind::kName,
                   kStart + "(" + kCap + R"((?:[ ]\p{Lu}\.?)?[ ])" + kCap +
                       R"(|\p{Lu}\.[ ]?(?:\p{Lu}\.[ ]?)?)" + kCap + "),?[ ]" + degree +
                       R"((?![\p{L}]))",
                   can_be_name});
  rules.push_back(
      {Kind::kName,
       kStart +
           R"((?i:my[ ]name[ ]is|name[ ]is|name's|i[ ]am[ ]called|named|goes[ ]by|introduced[ ](?:him|her|them)self[ ]as|asks?[ ]to[ ]be[ ]called|prefers[ ]to[ ]be[ ]called|nickname[ ]is|nicknamed)[ ]()" +
           kPerson + ")",
       can_be_name});
  rules.push_back(
      {Kind::kName,
       kStart +
           R"((?i:(?:his|her|my|their|our|patient's|patient’s|pt's)[ ](?:\p{L}{2,12}[ ])?(?:wife|husband|son|daughter|mother|father|mom|mum|dad|brother|sister|partner|spouse|fianc[eé]e?|friend|neighbou?r|carer|caregiver|aunt|uncle|cousin|niece|nephew|grand\p{L}{2,9}|boss|roommate|girlfriend|boyfriend|ex)),?[ ]()" +
           kPerson + ")",
       can_be_name});
  rules.push_back({Kind::kName,
                   kStart + R"((?i:dear|regards|sincerely|yours|thanks|hi|hello),?[ \n]{1,2}()" +
                       kPerson + R"()(?=[ ]?(?:[,.!\n]|$)))",
                   can_be_name});
  rules.push_back(
      {Kind::kName,
       kStart + "(" + kCap + "[ ]" + kCap +
           R"()(?=,?[ ](?:presented|presents|reports|reported|denies|complains|complained|was admitted|was seen|underwent|is an?[ ]\d)))",
       can_be_name});
}

std::vector<IdentifierRule> make_rules() {
  std::vector<IdentifierRule> rules;
  add_numbers(rules);
  add_labelled(rules);
  add_dates(rules);
  add_telephones(rules);
  add_places(rules);
  add_names(rules);
  return rules;
}

}  // namespace

const std::vector<IdentifierRule>& identifier_rules() {
  static const std::vector<IdentifierRule> kRules = make_rules();
  return kRules;
}

}  // namespace medgen::safety
