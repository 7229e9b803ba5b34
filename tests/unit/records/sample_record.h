// A record with made-up texts, and its writer.
#pragma once

#include <utility>

#include "records/writer.h"
#include "unit/byte_tokenizer.h"

namespace medgen::records {

inline Writer sample_writer() {
  static const ByteTokenizer tokenizer;
  Origin origin;
  origin.model_name = "tiny";
  origin.model_sha256 = "abc";
  origin.backend.name = "native";
  origin.backend.precision = "fp32";
  origin.tokenizer = &tokenizer;
  return Writer(std::move(origin));
}

inline Record sample_record() {
  Record record;
  record.id = "a";
  record.setting = "calm";
  record.prompt = "I \"feel\"";
  record.extras.push_back({"lang", "\"en\""});
  record.request.id = 12;
  record.request.prompt = {256, 73};
  record.request.num_return_sequences = 2;
  record.request.sampling.seed = 18446744073709551615ULL;
  record.completions.resize(2);
  Completion& first = record.completions[0];
  first.text = " a";
  first.finish_reason = FinishReason::kEos;
  first.num_tokens = 2;
  first.logprob = -1.5;
  first.tokens = {97, 256};
  Completion& second = record.completions[1];
  second.index = 1;
  second.text = " b\n";
  second.finish_reason = FinishReason::kLength;
  second.num_tokens = 1;
  second.logprob = -2;
  second.tokens = {98};
  return record;
}

inline Record failed_record() {
  Record record;
  record.id = "a";
  record.setting = "calm";
  record.error = RecordError{"no_prompt", "it has none"};
  return record;
}

}  // namespace medgen::records
