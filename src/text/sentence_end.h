// Cuts text that arrives in pieces after its last complete sentence.
#pragma once

#include <string>
#include <string_view>

namespace medgen::text {

// A sentence ends with . ! ? or an ellipsis, closing quotes or brackets after it included, where a
// space, a line break or the end of the text follows; a period after one letter or a common title
// ("Dr.", "e.g.") ends none.
class SentenceCutter {
 public:
  // Returns the text up to the last sentence that is now complete, less what was returned before.
  std::string push(std::string_view piece);

  // The text ends here. Returns what was held back, if the text is complete (`whole`) or has
  // no sentence at all; otherwise what completes its last sentence.
  std::string flush(bool whole);

 private:
  std::string held_;
  bool any_ = false;  // a sentence was complete
};

}  // namespace medgen::text
