// Inputs that grow where a reader could take too much of it: nested ever more deeply, or with ever
// more of one thing. What a reader does for them may grow with them and no faster.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "fuzz/stored_zip.h"

namespace medgen::fuzz {

struct Growing {
  const char* target;  // a name among targets()
  const char* name;
  std::function<std::string(std::size_t n)> make;
  bool square = false;  // known to take the square of it
};

// The library's ordered objects look through all of their members for each that is added.
inline constexpr bool kSquare = true;

inline std::string repeated(const std::string& part, std::size_t n) {
  std::string all;
  all.reserve(part.size() * n);
  for (std::size_t i = 0; i < n; ++i) all += part;
  return all;
}

// `part` n times, between two texts.
inline std::function<std::string(std::size_t)> many(const std::string& begin,
                                                    const std::string& part,
                                                    const std::string& end = "") {
  return [=](std::size_t n) { return begin + repeated(part, n) + end; };
}

// `open` n times, and then `close`.
inline std::function<std::string(std::size_t)> nested(const std::string& begin,
                                                      const std::string& open,
                                                      const std::string& middle,
                                                      const std::string& close,
                                                      const std::string& end = "") {
  return
      [=](std::size_t n) { return begin + repeated(open, n) + middle + repeated(close, n) + end; };
}

// Each i below n in the place of '#' in `part`, joined by commas.
inline std::function<std::string(std::size_t)> numbered(const std::string& begin,
                                                        const std::string& part,
                                                        const std::string& end,
                                                        const std::string& between = ",") {
  return [=](std::size_t n) {
    std::string all = begin;
    for (std::size_t i = 0; i < n; ++i) {
      if (i > 0) all += between;
      for (const char c : part) c == '#' ? all += std::to_string(i) : all += c;
    }
    return all + end;
  };
}

inline std::string safetensors_of(std::size_t n) {
  const std::string header =
      numbered("{", R"("t#":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})", "}")(n);
  return little_endian(header.size(), 8) + header;
}

inline std::string vocabulary_of(std::size_t n) {
  return numbered("{", "\"a#\":#", "}")(n) + std::string(1, '\0') + repeated("a b\n", n);
}

// A checkpoint's pickle with n marks, tuples or texts.
inline std::string checkpoint_of(const std::string& part, std::size_t n) {
  const std::string pickle = "\x80\x02" + repeated(part, n) + ".";
  return little_endian(std::min<std::size_t>(pickle.size(), 0xffff), 2) + pickle;
}

inline const std::vector<Growing>& growing_inputs() {
  static const std::string kSource =
      R"({"source":"s","group":"g","weight":1,"train":{"documents":0},"valid":{"documents":0}})";
  static const std::vector<Growing> kAll = {
      {"text", "lines", many("", "a fever\n")},
      {"text", "one line", many("", "a fever ")},
      {"jsonl", "rows", numbered("", R"({"id":"#","prompt":"a"})", "", "\n")},
      {"jsonl", "fields", numbered("{\"prompt\":\"a\",", "\"x#\":0", "}"), kSquare},
      {"jsonl", "escapes", many("{\"prompt\":\"", "\\u00e9", "\"}")},
      {"jsonl", "depth", nested("{\"prompt\":\"a\",\"x\":", "[", "", "]", "}")},
      {"csv", "rows", many("prompt,b\n", "a,b\n")},
      {"csv", "columns", many("prompt", ",b", "\n")},
      {"csv", "quotes", many("prompt\n\"", "\"\"", "\"\n")},
      {"csv", "open quotes", many("prompt\n", "\"a\n")},
      {"tsv", "rows", many("prompt\tb\n", "a\tb\n")},
      {"journal", "commits",
       many("{\"medgen_batch_journal\":1,\"job\":{}}\n",
            R"({"commit":{"rows":1,"bytes":2,"sha256":"","failed":0,)"
            R"("tokens":1,"last_place":0,"last_hash":"","places":[3]}})"
            "\n")},
      {"journal", "ahead",
       numbered("{\"medgen_batch_journal\":1,\"job\":{}}\n",
                R"({"ahead":#,"input_hash":"","failed":false,"tokens":1,"record":"a"})", "\n",
                "\n")},
      {"records", "lines", many("", "{\"text\":\"a\"}\n")},
      {"records", "array", many("[\n", "{\"text\":\"a\"},\n", "{}]")},
      {"records", "completions", many("{\"completions\":[", "{\"text\":\"a\"},", "{}]}")},
      {"records", "tokens", many("{\"text\":\"a\",\"tokens\":[", "1,", "1]}")},
      {"records", "depth", nested("{\"text\":\"a\",\"x\":", "{\"a\":", "0", "}", "}")},
      {"table", "lines",
       many("id,prompt,index,text,error_code,provenance\n", "a,b,0,c,,\na,b,1,c,,\n")},
      {"table", "texts",
       many("id,prompt,index,text,error_code,provenance\na,b,0,c,,\n", "a,b,1,c,,\n")},
      {"table", "columns", many("id,prompt,index,text,error_code,provenance", ",x", "\n")},
      {"choices", "lines", many("", "{\"prompt\":\"\",\"choices\":[\"a\",\"b\"],\"answer\":0}\n")},
      {"choices", "choices",
       many("{\"prompt\":\"\",\"choices\":[", "\"a\",", "\"b\"],\"answer\":0}")},
      {"terms", "lines", many("", "chest pain\n")},
      {"terms", "words", many("", "a\n", "a b\n")},
      {"row_settings", "stop", many("{\"stop\":[", "\"a\",", "\"b\"]}")},
      {"row_settings", "bias", numbered("{\"logit_bias\":{", "\"#\":1", "}}"), kSquare},
      {"row_settings", "bad words", many("{\"bad_words_ids\":[", "[1,2],", "[3]]}")},
      {"row_settings", "unknown", numbered("{", "\"x#\":1", "}"), kSquare},
      {"row_settings", "cell", many("stop=[", "\"a\",", "\"b\"]")},
      {"config_file", "lines", many("", "top-k = 4\n")},
      {"config_file", "list", many("stop = [", "\"a\",", "\"b\"]\n"), kSquare},
      {"config_file", "dots", many("a", ".a", " = 1\n")},
      {"config_file", "brackets", nested("", "[", "a", "]", "\nb = 1\n")},
      {"config_file", "quotes", many("a = ", "\"a\" ", "\n"), kSquare},
      {"config_file", "comments", many("", "# a\n")},
      {"config_file", "long text", many("a = \"\"\"", "b\n", "\"\"\"\n")},
      {"corpus_jsonl", "lines", many("", "{\"text\":\"a\"}\n")},
      {"corpus_jsonl", "fields", numbered("{\"text\":\"a\",", "\"x#\":0", "}")},
      {"corpus_csv", "rows", many("text\n", "a\n")},
      {"corpus_csv", "columns", many("text", ",b", "\n")},
      {"corpus_csv", "open quotes", many("text\n", "\"a\n")},
      {"corpus_text", "documents", many("", "a\n\n")},
      {"corpus_text", "lines", many("", "a\n")},
      {"checkpoint", "tuples", [](std::size_t n) { return checkpoint_of("\x85", n); }},
      {"checkpoint", "marks", [](std::size_t n) { return checkpoint_of("(", n); }},
      {"checkpoint", "values", [](std::size_t n) { return checkpoint_of("N", n); }},
      {"training_record", "history", many("{\"history\":[", "0,", "0]}")},
      {"training_record", "settings", numbered("{\"settings\":{", "\"x#\":0", "}}"), kSquare},
      {"index", "changes", many("", std::string("\x03\x20\x01", 3))},
      {"index", "sources",
       many("{\"format_version\":1,\"tokenizer\":{\"sha256\":\"a\"},\"sources\":[",
            "{\"source\":\"s\",\"group\":\"g\",\"documents\":0,\"tokens\":0},",
            "{\"source\":\"s\",\"group\":\"g\",\"documents\":2,\"tokens\":8}]}")},
      {"document_names", "lines",
       many("{\"format\":1,\"tokens\":\"" + std::string(64, 'a') + "\"}\n", "{\"id\":\"a\"}\n")},
      {"canaries", "lines", many("", "{\"text\":\"1234\",\"times\":1}\n")},
      {"canaries", "digits", many("{\"text\":\"", "1", "\",\"times\":1}\n")},
      {"prepared", "sources",
       many(R"({"format_version":1,"tokenizer":{"sha256":")" + std::string(64, 'a') +
                R"(","kind":"k","vocab_size":5,"eos_id":4},"sources":[)",
            kSource + ",", kSource + "]}")},
      {"pickle", "tuples", many("\x80\x02)", "\x85", ".")},
      {"pickle", "lists", many("\x80\x02", "]", ".")},
      {"pickle", "values", many("\x80\x02(", "N", "t.")},
      {"pickle", "names", many("\x80\x02(", "cm\nn\n", "t.")},
      {"identifiers", "digits", many("", "1")},
      {"identifiers", "groups", many("", "12-")},
      {"identifiers", "dates", many("", "1/2/2003 ")},
      {"identifiers", "addresses", many("", "a@b.")},
      {"identifiers", "names", many("", "Mr Aa ")},
      {"identifiers", "words", many("", "Aa ")},
      {"identifiers", "blanks", many("", " ")},
      {"json", "depth", nested("", "[", "", "]")},
      {"json", "objects", nested("", "{\"a\":", "0", "}")},
      {"json", "values", many("[", "0,", "0]")},
      {"json", "members", numbered("{", "\"x#\":0", "}"), kSquare},
      {"json", "escapes", many("[\"", "\\n", "\"]")},
      {"json", "open", many("", "[\"a\",")},
      {"config", "members", numbered("{", "\"x#\":0", "}")},
      {"generation_config", "members", numbered("{", "\"x#\":0", "}"), kSquare},
      {"manifest", "files", numbered("{\"files\":[", "{\"name\":\"f#\",\"size\":1}", "]}")},
      {"templates", "templates", numbered("{", "\"t#\":\"a {prompt}\"", "}")},
      {"templates", "text", many("{\"t\":\"{prompt}", "{{", "\"}")},
      {"tokenizer_model", "pieces",
       many("",
            "\x0a\x05\x0a\x03"
            "abc")},
      {"tokenizer_json", "vocabulary",
       numbered(R"({"model":{"type":"BPE","merges":[],"vocab":{)", "\"a#\":#", "}}}")},
      {"tokenizer_json", "merges",
       many(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":[)", "\"a b\",",
            "\"a b\"]}}")},
      {"tokenizer_json", "added",
       numbered(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"added_tokens":[)",
                R"({"id":#,"content":"<#>","special":true})", "]}")},
      {"vocabulary", "both", vocabulary_of},
      {"safetensors", "tensors", safetensors_of},
      {"safetensors_index", "tensors",
       numbered("{\"weight_map\":{", "\"t#\":\"model.safetensors\"", "}}")},
  };
  return kAll;
}

}  // namespace medgen::fuzz
