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
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "jobs/model_files.h"
#include "medgen/bundle.h"
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
  bool as_prompt = false, added = false;
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
      "A folder with a tokenizer (a model's folder too), or a tokenizer.model, tokenizer.json or "
      "vocab.json; the files beside it are read too. Default: the tokenizer of the model that "
      "comes with medgen.");
  line.flag("--specials", a.specials, "Read spellings such as <|endoftext|> as special tokens.");
  line.flag("--as-prompt", a.as_prompt,
            "Add what goes around a prompt, such as BOS, if the tokenizer asks for it.");
  line.flag("--added", a.added,
            "Show no text but the tokens added to the vocabulary: id, special or not, spelling.");
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
  if (a.added && (a.text || a.jsonl || a.specials || a.as_prompt)) {
    throw Error(ErrorCode::kUsage,
                "--added lists tokens and reads no text: leave out TEXT, --jsonl, --specials and "
                "--as-prompt");
  }
  if (a.decode && (a.specials || a.as_prompt)) {
    throw Error(ErrorCode::kUsage,
                "--decode turns ids into text: leave out --specials and --as-prompt");
  }
  return a;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A tokenizer, and what goes around a prompt for it: in a model's folder, the model has a say.
struct OpenTokenizer {
  std::shared_ptr<const Tokenizer> tokenizer;
  TextFrame frame;
};

OpenTokenizer open_tokenizer(const fs::path& place) {
  OpenTokenizer open;
  if (fs::exists(place / "manifest.json")) {
    const Bundle bundle = Bundle::open_without_model(place);
    open.tokenizer = bundle.shared_tokenizer();
    open.frame = open.tokenizer->text_frame();
    open.frame.before.clear();
    if (bundle.prompt_prefix()) open.frame.before.push_back(*bundle.prompt_prefix());
  } else {
    open.tokenizer = load_tokenizer(place);
    open.frame = open.tokenizer->text_frame();
  }
  return open;
}

std::vector<TokenId> encode(const OpenTokenizer& open, const TokenizeArguments& arguments,
                            const std::string& text) {
  std::vector<TokenId> ids =
      open.tokenizer->encode(text, arguments.specials ? Specials::kParse : Specials::kAsText);
  if (arguments.as_prompt) {
    ids.insert(ids.begin(), open.frame.before.begin(), open.frame.before.end());
    ids.insert(ids.end(), open.frame.after.begin(), open.frame.after.end());
  }
  return ids;
}

std::string added_tokens_text(const Tokenizer& tokenizer, bool json) {
  const bool terminal = is_terminal(STDOUT_FILENO);
  Json list = Json::array();
  std::string lines;
  for (const AddedToken& token : tokenizer.added_tokens()) {
    list.push_back(Json{{"id", token.id}, {"special", token.special}, {"text", token.text}});
    lines += fmt::format("{}\t{}\t{}\n", token.id, token.special ? "special" : "-",
                         terminal ? visible(token.text) : token.text);
  }
  return json ? dump(Json{{"added", list}}) : lines;
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

Json convert_record(const OpenTokenizer& open, const TokenizeArguments& arguments,
                    const std::string& line) {
  const Tokenizer& tokenizer = *open.tokenizer;
  try {
    const auto record = base::parse_json<Json>(line);
    if (record.is_discarded()) {
      throw Error(ErrorCode::kRuntime, base::json_fault(line, "not JSON"));
    }
    if (!arguments.decode) {
      return tokens_json(tokenizer,
                         encode(open, arguments, member<std::string>(record, "text", "\"...\"")));
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

void convert_lines(const OpenTokenizer& tokenizer, const TokenizeArguments& arguments,
                   Output& output) {
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
  const OpenTokenizer open =
      open_tokenizer(arguments.tokenizer ? fs::path(*arguments.tokenizer) : jobs::default_model());
  const Tokenizer& tokenizer = *open.tokenizer;
  finish_loading(safety::Writes::kNothing);
  Output output(STDOUT_FILENO);
  if (arguments.jsonl) {
    convert_lines(open, arguments, output);
    return kExitFine;
  }
  if (arguments.added) {
    output.write(added_tokens_text(tokenizer, arguments.json));
  } else {
    const std::vector<TokenId> ids = encode(open, arguments, read_text(arguments));
    output.write(arguments.json ? dump(tokens_json(tokenizer, ids)) : token_lines(tokenizer, ids));
  }
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
