// `medgen tokenize`: text to tokens and back. Never loads libtorch.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/lines.h"
#include "cli/commands/commands.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/terminal.h"
#include "jobs/model_files.h"
#include "medgen/error.h"
#include "medgen/tokenizer.h"

namespace medgen::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxTextBytes = 64U << 20;

struct TokenizeArguments {
  std::optional<std::string> text, tokenizer;
  bool json = false, jsonl = false, decode = false, specials = false;
};

TokenizeArguments parse_tokenize(const Arguments& words) {
  TokenizeArguments a;
  CommandLine line(
      "medgen tokenize",
      "Shows the tokens of a text: a line for each with its id and how the vocabulary spells it.");
  line.positional(
      "TEXT", a.text, false,
      "Text to tokenise; without it, standard input, whose last line break is dropped (at most "
      "64 MiB).");
  line.text(
      "--tokenizer", reads("PATH"), a.tokenizer,
      "A folder with a tokenizer (a model's folder too), or a tokenizer.model or tokenizer.json. "
      "Default: the tokenizer of the model that comes with medgen.");
  line.flag("--specials", a.specials, "Read spellings such as <|endoftext|> as special tokens.");
  line.flag("--json", a.json, "Print one object with ids and pieces.");
  line.flag("--jsonl", a.jsonl,
            "Turn every line {\"text\": ...} of standard input into a line with ids and pieces.");
  line.flag("--decode", a.decode,
            "With --jsonl: turn every line {\"ids\": [...]} into a line {\"text\": ...}.");
  line.parse(words);
  if (a.decode && !a.jsonl)
    throw Error(ErrorCode::kUsage, "--decode works on lines: give --jsonl with it");
  if (a.jsonl && a.text) {
    throw Error(ErrorCode::kUsage, "--jsonl reads standard input: leave the TEXT out");
  }
  return a;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json tokens_json(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  Json pieces = Json::array();
  for (const TokenId id : ids) pieces.push_back(tokenizer.piece(id));
  return Json{{"ids", ids}, {"pieces", pieces}};
}

template <class T>
T member(const Json& record, const char* key, const char* what) {
  if (!record.is_object() || !record.contains(key)) {
    throw Error(ErrorCode::kRuntime,
                fmt::format("no \"{0}\": expected {{\"{0}\": {1}}}", key, what));
  }
  return record[key].get<T>();
}

// Json::get would wrap a number that does not fit around.
TokenId id_of(const Json& value) {
  if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<TokenId>::max()) {
    throw Error(ErrorCode::kRuntime,
                "an id that is not a whole number of 0 or more: expected {\"ids\": [40, 1254]}");
  }
  return value.get<TokenId>();
}

Json convert_record(const Tokenizer& tokenizer, const TokenizeArguments& arguments,
                    const std::string& line) {
  const Specials specials = arguments.specials ? Specials::kParse : Specials::kAsText;
  try {
    const auto record = base::parse_json<Json>(line);
    if (record.is_discarded()) {
      throw Error(ErrorCode::kRuntime, base::json_fault(line, "not JSON"));
    }
    if (!arguments.decode) {
      return tokens_json(
          tokenizer, tokenizer.encode(member<std::string>(record, "text", "\"...\""), specials));
    }
    std::vector<TokenId> ids;
    for (const Json& value : member<Json::array_t>(record, "ids", "[...]"))
      ids.push_back(id_of(value));
    return Json{{"text", tokenizer.decode(ids)}};
  } catch (const Json::exception&) {
    throw Error(ErrorCode::kRuntime, arguments.decode
                                         ? "\"ids\" is not an array: expected {\"ids\": [40, 1254]}"
                                         : "\"text\" is not a string: give {\"text\": \"...\"}");
  }
}

void convert_lines(const Tokenizer& tokenizer, const TokenizeArguments& arguments, Output& output) {
  base::Lines lines(base::descriptor_blocks(STDIN_FILENO, "standard input"), kMaxTextBytes);
  for (base::Line line; lines.next_whole(line);) {
    try {
      output.write(dump(convert_record(tokenizer, arguments, line.text)));
    } catch (const Error& error) {
      throw Error(ErrorCode::kRuntime,
                  fmt::format("line {} of standard input: {}; the lines before it are done",
                              line.number, error.what()));
    }
    output.flush();
  }
}

std::string read_text(const TokenizeArguments& arguments) {
  if (arguments.text) return *arguments.text;
  if (is_terminal(STDIN_FILENO)) {
    throw Error(ErrorCode::kUsage, "no text: give it as an argument or through a pipe");
  }
  std::string text = read_descriptor(STDIN_FILENO, kMaxTextBytes, "standard input");
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return text;
}

std::string token_lines(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  const bool terminal = is_terminal(STDOUT_FILENO);
  std::string out;
  for (const TokenId id : ids) {
    const std::string piece = tokenizer.piece(id);
    out += fmt::format("{}\t{}\n", id, terminal ? visible(piece) : piece);
  }
  return out;
}

}  // namespace

int tokenize_command(const Arguments& words) {
  const TokenizeArguments arguments = parse_tokenize(words);
  const auto tokenizer =
      load_tokenizer(arguments.tokenizer ? fs::path(*arguments.tokenizer) : jobs::default_model());
  Output output(STDOUT_FILENO);
  if (arguments.jsonl) {
    convert_lines(*tokenizer, arguments, output);
    return kExitFine;
  }
  const Specials specials = arguments.specials ? Specials::kParse : Specials::kAsText;
  const std::vector<TokenId> ids = tokenizer->encode(read_text(arguments), specials);
  output.write(arguments.json ? dump(tokens_json(*tokenizer, ids)) : token_lines(*tokenizer, ids));
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
