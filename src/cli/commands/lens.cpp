// `medgen lens`: what each layer of the model would say next, what each part of it adds to a logit,
// and where its heads read; as tables, as JSON and as a page.
#include "jobs/lens.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/refuse.h"
#include "cli/commands/commands.h"
#include "cli/options/backend_options.h"
#include "cli/options/command_line.h"
#include "cli/output.h"
#include "cli/prompt.h"
#include "cli/run.h"
#include "cli/sandbox.h"
#include "cli/terminal.h"
#include "medgen/error.h"
#include "report/lens_page.h"
#include "safety/notice.h"
#include "terminal/wrap.h"
#include "text/utf8.h"

namespace medgen::cli {
namespace {

using Json = nlohmann::ordered_json;

struct LensArguments {
  std::optional<std::string> text, prompt_file, prompt_ids, model, tokenizer;
  std::optional<std::string> attention, token, html;
  std::optional<int> top, token_id;
  BackendArguments backend;
  bool specials = false, all = false, json = false, quiet = false;
};

constexpr std::string_view kAttentionValues =
    "LAYER:HEAD, several of them with commas between, or the word all, or rollout";

LensArguments parse_lens(const Arguments& words) {
  LensArguments a;
  CommandLine line("medgen lens",
                   "Shows what each layer of the model would say next, what each part of it adds "
                   "to the logit of a word, and where its heads read. It shows how the model "
                   "works, and nothing about a person.");
  declare_text(line, a.text, a.prompt_file, "Text whose next token is looked at.");
  declare_prompt_tokens(line, a.prompt_ids, a.specials);
  line.flag("--all", a.all, "After every token of the text instead of the last one alone.");
  line.number("--top", a.top, "How many tokens to name for each layer; 1 to 1000. Default: 5.");
  line.text(
      "--token", "TEXT", a.token,
      "The word whose rank, probability and logit are followed, one token of the model; with "
      "a blank before it, unless only the word without one is a token. Default: the likeliest "
      "of the last layer.");
  line.number("--token-id", a.token_id, "The same, by its id.");
  line.exclude("--token", "--token-id");
  line.text("--attention", "HEADS", a.attention,
            "Where heads read: " + std::string(kAttentionValues) +
                ", which follows attention through all layers. Layers and heads count from 1.");
  line.flag("--json", a.json, "Print one line of JSON instead of tables.");
  line.text("--html", writes_file("FILE"), a.html,
            "Write a page with tables of layers by positions, too.");
  line.flag("--quiet", a.quiet, "Print no notice.");
  declare_model(line, a.model, a.tokenizer);
  declare(line, a.backend);
  line.config_file();
  line.parse(words);
  if (a.top && (*a.top < 1 || *a.top > 1000)) {
    base::refuse_value("top", fmt::to_string(*a.top), "from 1 to 1000", "5 is usual");
  }
  return a;
}

[[noreturn]] void refuse_attention() {
  base::refuse("`attention` must be " + std::string(kAttentionValues) + ", such as 1:3,2:1");
}

// Fills what `attention` asks for.
void read_heads(const std::string& attention, jobs::LensRequest& request) {
  request.all_heads = attention == "all";
  request.rollout = attention == "rollout";
  if (request.all_heads || request.rollout) return;
  for (std::size_t at = 0; at <= attention.size();) {
    const std::size_t end = std::min(attention.find(',', at), attention.size());
    const std::string one = attention.substr(at, end - at);
    const std::size_t colon = one.find(':');
    if (colon == std::string::npos) refuse_attention();
    jobs::HeadName name;
    try {
      name.layer = parse_int("attention", one.substr(0, colon));
      name.head = parse_int("attention", one.substr(colon + 1));
    } catch (const Error&) {
      refuse_attention();
    }
    request.heads.push_back(name);
    at = end + 1;
  }
}

// A token's text; the name of one that has none, such as <s>.
std::string text_of(const Tokenizer& tokenizer, TokenId id) {
  const std::string bytes = tokenizer.token_bytes(id);
  return text::replace_invalid_utf8(bytes.empty() ? tokenizer.piece(id) : bytes);
}

class LensTables {
 public:
  // Of the likeliest tokens as many are shown as `columns` have room for.
  LensTables(const why::LensResult& lens, const Tokenizer& tokenizer, std::size_t top, int columns)
      : lens_(lens), tokenizer_(tokenizer), top_(top), columns_(columns) {}

  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < lens_.positions.size(); ++i) {
      out += layers(lens_.positions[i]) + "\n" + contributions(lens_.positions[i]);
      if (!lens_.heads.empty() || !lens_.rollout.empty()) out += "\n" + attention(i);
      if (i + 1 < lens_.positions.size()) out += "\n";
    }
    return out;
  }

 private:
  std::string quoted(TokenId id) const { return visible(Json(text_of(tokenizer_, id)).dump()); }
  static std::string percent(double share) {
    return share < 1e-6 ? "<0.0001 %" : fmt::format("{:.3g} %", 100 * share);
  }

  // Whether there was room for it in the row.
  bool add_to_row(std::string& row, const std::string& piece) const {
    if (terminal::width_of(row) + terminal::width_of(piece) > columns_) return false;
    row += piece;
    return true;
  }

  std::string layers(const why::LensPosition& position) const {
    std::string out = fmt::format(
        "after token {} of {}, {}: what each layer would say next, and where {} stands there\n"
        "{:12}{:>8}{:>12}{:>7}{:>12}  likeliest (= as the last layer)\n",
        position.position + 1, lens_.tokens.size(),
        quoted(lens_.tokens[static_cast<std::size_t>(position.position)]), quoted(position.target),
        "layer", "entropy", "divergence", "rank", "share");
    for (std::size_t layer = 0; layer < position.layers.size(); ++layer) {
      const why::LayerReading& reading = position.layers[layer];
      std::string row = fmt::format("{:12}{:8.3f}{:12.4f}{:7}{:>12} {}",
                                    layer == 0 ? "embeddings" : fmt::to_string(layer),
                                    reading.entropy, reading.divergence, reading.rank,
                                    percent(reading.probability), reading.agrees ? "=" : " ");
      const char* blanks = " ";
      for (const why::LikelyToken& token : reading.top) {
        const std::string piece = blanks + quoted(token.id) + " " + percent(token.probability);
        if (!add_to_row(row, piece)) break;
        blanks = "  ";
      }
      out += row + "\n";
    }
    return out;
  }

  std::string contributions(const why::LensPosition& position) const {
    const why::LogitParts& parts = position.parts;
    std::string out = fmt::format("what adds up to the logit of {}\n{:20}{:>10}{:>10}\n",
                                  quoted(position.target), "part", "logit", "length");
    const auto row = [&](const std::string& name, const why::Contribution& part) {
      out += fmt::format("{:20}{:+10.4f}{:10.3f}\n", name, part.logit, part.norm);
    };
    row("token embedding", parts.token);
    row("position embedding", parts.position);
    for (std::size_t i = 0; i < parts.attention.size(); ++i) {
      row(fmt::format("block {} attention", i + 1), parts.attention[i]);
      row(fmt::format("block {} MLP", i + 1), parts.mlp[i]);
    }
    out += fmt::format("{:20}{:+10.4f}\n{:20}{:+10.4f}\n{:20}{:+10.4f}\n", "final norm's bias",
                       parts.bias, "rounding", parts.rounding, "sum: the logit", parts.logit);
    return out;
  }

  // `out` begins the line: the tokens that get most, of a row of weights.
  template <typename Weight>
  std::string most(std::string out, const std::vector<Weight>& weights, std::size_t row) const {
    const std::size_t tokens = lens_.tokens.size();
    const auto of_row = std::span<const Weight>(weights).subspan(row * tokens, tokens);
    std::vector<std::size_t> order;
    const auto seen = static_cast<std::size_t>(lens_.positions[row].position) + 1;
    for (std::size_t i = 0; i < seen; ++i) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return of_row[a] > of_row[b]; });
    order.resize(std::min(order.size(), top_));
    for (const std::size_t at : order) {
      const std::string piece = fmt::format("  {}({}) {}", quoted(lens_.tokens[at]), at + 1,
                                            percent(static_cast<double>(of_row[at])));
      if (!add_to_row(out, piece)) break;
    }
    return out + "\n";
  }

  std::string attention(std::size_t row) const {
    std::string out = "layer:head  what it reads most, with the token's number in the text\n";
    for (const why::HeadWeights& head : lens_.heads) {
      const std::string name = fmt::format("{}:{}", head.layer, head.head);
      out += most(fmt::format("{:10}", name), head.weights, row);
    }
    if (!lens_.rollout.empty()) out += most(fmt::format("{:10}", "rollout"), lens_.rollout, row);
    return out;
  }

  const why::LensResult& lens_;
  const Tokenizer& tokenizer_;
  std::size_t top_;
  int columns_;
};

Json token_json(const Tokenizer& tokenizer, TokenId id) {
  return {{"id", id}, {"text", text_of(tokenizer, id)}};
}

Json layers_json(const why::LensPosition& position, const Tokenizer& tokenizer) {
  Json layers = Json::array();
  for (std::size_t layer = 0; layer < position.layers.size(); ++layer) {
    const why::LayerReading& reading = position.layers[layer];
    Json top = Json::array();
    for (const why::LikelyToken& token : reading.top) {
      top.push_back(token_json(tokenizer, token.id));
      top.back()["prob"] = token.probability;
    }
    layers.push_back({{"layer", layer},
                      {"top", std::move(top)},
                      {"entropy", reading.entropy},
                      {"divergence", reading.divergence},
                      {"rank", reading.rank},
                      {"prob", reading.probability},
                      {"agrees", reading.agrees}});
  }
  return layers;
}

Json parts_json(const why::LogitParts& parts) {
  const auto part = [](const why::Contribution& one) {
    return Json{{"logit", one.logit}, {"norm", one.norm}};
  };
  Json blocks = Json::array();
  for (std::size_t i = 0; i < parts.attention.size(); ++i) {
    blocks.push_back({{"attention", part(parts.attention[i])}, {"mlp", part(parts.mlp[i])}});
  }
  return {{"token_embedding", part(parts.token)}, {"position_embedding", part(parts.position)},
          {"blocks", std::move(blocks)},          {"bias", parts.bias},
          {"rounding", parts.rounding},           {"logit", parts.logit}};
}

// [positions, tokens] as lists, each up to its own position; to seven decimals.
template <typename Weight>
Json weights_json(const std::vector<Weight>& weights, const why::LensResult& lens) {
  Json rows = Json::array();
  for (std::size_t row = 0; row < lens.positions.size(); ++row) {
    Json list = Json::array();
    for (int at = 0; at <= lens.positions[row].position; ++at) {
      const auto weight =
          static_cast<double>(weights[row * lens.tokens.size() + static_cast<std::size_t>(at)]);
      list.push_back(std::round(weight * 1e7) / 1e7);
    }
    rows.push_back(std::move(list));
  }
  return rows;
}

Json lens_json(const why::LensResult& lens, const jobs::Lens& model, const std::string& precision) {
  const Tokenizer& tokenizer = *model.model().tokenizer;
  Json json;
  json["tokens"] = Json::array();
  for (const TokenId id : lens.tokens) json["tokens"].push_back(token_json(tokenizer, id));
  json["positions"] = Json::array();
  for (const why::LensPosition& position : lens.positions) {
    json["positions"].push_back({{"position", position.position},
                                 {"target", token_json(tokenizer, position.target)},
                                 {"layers", layers_json(position, tokenizer)},
                                 {"parts", parts_json(position.parts)}});
  }
  if (!lens.heads.empty()) {
    json["attention"] = Json::array();
    for (const why::HeadWeights& head : lens.heads) {
      json["attention"].push_back({{"layer", head.layer},
                                   {"head", head.head},
                                   {"weights", weights_json(head.weights, lens)}});
    }
  }
  if (!lens.rollout.empty()) json["rollout"] = weights_json(lens.rollout, lens);
  json["model"] = {
      {"name", model.model().name}, {"sha256", model.model().sha256}, {"precision", precision}};
  json["meaning"] = why::kLensMeaning;
  if (json.contains("attention") || json.contains("rollout")) {
    json["attention_meaning"] = why::kAttentionMeaning;
  }
  json["notice"] = safety::notice();
  return json;
}

jobs::LensRequest request_of(const LensArguments& a, jobs::Lens& lens, const std::string& text) {
  jobs::LensRequest request;
  request.all_positions = a.all;
  request.top = static_cast<std::size_t>(a.top.value_or(5));
  if (a.attention) read_heads(*a.attention, request);
  request.target = a.token_id;
  if (a.token) request.target = lens.token_of(*a.token);
  request.tokens = a.prompt_ids
                       ? read_prompt_ids(*a.prompt_ids)
                       : jobs::prompt_tokens(lens.model(), text,
                                             a.specials ? Specials::kParse : Specials::kAsText);
  return request;
}

}  // namespace

int lens_command(const Arguments& words) {
  const LensArguments a = parse_lens(words);
  const Messages messages(a.quiet);
  const BackendOptions options = resolve(a.backend, messages);
  if (a.attention) {
    jobs::LensRequest checked;
    read_heads(*a.attention, checked);  // before a text is read
  }
  std::string text;
  if (!a.prompt_ids) text = read_prompt(a.text, a.prompt_file, messages);
  jobs::Lens model(jobs::open_model(a.model, a.tokenizer), options, [&] {
    finish_loading(a.html ? safety::Writes::kAsBefore : safety::Writes::kNothing);
  });
  const jobs::LensRequest request = request_of(a, model, text);
  const why::LensResult lens = model.read(request);
  const Tokenizer& tokenizer = *model.model().tokenizer;
  if (a.html) {
    report::LensPageContext context;
    context.model = model.model().name;
    context.precision = model.precision();
    context.notice = safety::notice();
    context.text = tokenizer.decode(lens.tokens);
    context.text_of = [&](TokenId id) { return text_of(tokenizer, id); };
    base::write_file_atomically(*a.html, report::lens_page(lens, context));
  }
  if (!a.quiet) {
    Messages::plain(safety::notice());
    Messages::plain(why::kLensMeaning);
    if (!lens.heads.empty() || !lens.rollout.empty()) Messages::plain(why::kAttentionMeaning);
  }
  const bool terminal = is_terminal(STDOUT_FILENO);
  const int columns = terminal ? terminal_columns(STDOUT_FILENO) : std::numeric_limits<int>::max();
  Output output(STDOUT_FILENO);
  output.write(a.json ? lens_json(lens, model, model.precision()).dump() + "\n"
                      : LensTables(lens, tokenizer, request.top, columns).text());
  output.flush();
  return kExitFine;
}

}  // namespace medgen::cli
