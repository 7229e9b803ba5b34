// The module's one exported entry. This folder is not part of libmedgen: see
// text/sentencepiece_module.cpp.
#include "text/sentencepiece/module.h"

const medgen::text::sentencepiece_module::Functions* medgen_sentencepiece_functions() {
  using namespace medgen::text::sentencepiece_module;
  static const Functions functions{&make_tokenizer, &train};
  return &functions;
}
