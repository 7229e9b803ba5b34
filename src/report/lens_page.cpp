// See the header. A cell shows a word; all its numbers stand in it too, for screen readers, and
// are drawn at the foot of the window while the cell is pointed at or has the keyboard's focus.
#include "report/lens_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/refuse.h"
#include "report/chart_parts.h"
#include "report/page.h"
#include "report/report_parts.h"

namespace medgen::report {
namespace {

constexpr const char* kLensStyle = R"css(
:root { --shade: 0 114 178; }
@media (prefers-color-scheme: dark) { :root { --shade: 86 180 233; } }
.read { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
table.lens, table.adds { width: auto; }
.lens td, .lens thead th {
  text-align: center; white-space: nowrap; padding: .3rem .45rem; unicode-bidi: isolate; }
.lens thead th { background: var(--ground); font-weight: 600; }
.lens tbody th { text-align: left; }
.lens td { background: rgb(var(--shade) / calc(var(--v, 0) * .55)); position: relative; }
.s1 { --v: .05; } .s2 { --v: .1; } .s3 { --v: .15; } .s4 { --v: .2; } .s5 { --v: .25; }
.s6 { --v: .3; } .s7 { --v: .35; } .s8 { --v: .4; } .s9 { --v: .45; } .s10 { --v: .5; }
.s11 { --v: .55; } .s12 { --v: .6; } .s13 { --v: .65; } .s14 { --v: .7; } .s15 { --v: .75; }
.s16 { --v: .8; } .s17 { --v: .85; } .s18 { --v: .9; } .s19 { --v: .95; } .s20 { --v: 1; }
.lens td.same { font-weight: 700; text-decoration: underline; text-underline-offset: .2em; }
.lens td:focus-visible { outline: 3px solid var(--link); outline-offset: -3px; }
.lens .more {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.lens td:hover .more, .lens td:focus .more {
  position: fixed; clip-path: none; width: auto; height: auto; overflow: visible; z-index: 2;
  left: 1rem; right: 1rem; bottom: 1rem; max-width: 46rem; margin: 0 auto; padding: .7rem .9rem;
  text-align: left; white-space: normal; font-weight: 400; text-decoration: none;
  background: var(--soft); color: var(--ink); border: 2px solid var(--link); border-radius: 4px; }
.lens td:hover .more { z-index: 3; }
.adds td.bar { width: 16rem; min-width: 16rem; position: relative; padding: 0; }
.adds td.bar i {
  position: absolute; top: .3rem; bottom: .3rem; background: rgb(var(--shade) / .75); }
.adds td.bar i.less { background: rgb(213 94 0 / .75); }
.adds td.bar::before {
  content: ""; position: absolute; left: 50%; top: 0; bottom: 0;
  border-left: 1px solid var(--quiet); }
.adds tr.sum > * { border-top: 2px solid var(--rule); font-weight: 650; }
)css";

std::string lens_share(double share) {
  return share < 1e-6 ? "less than 0.0001 %" : fmt::format("{:.3g} %", 100 * share);
}

// The style's class for a share: steps of a twentieth.
std::string shade_class(double share) { return fmt::format("s{:.0f}", 20 * share); }

class LensPage {
 public:
  LensPage(const why::LensResult& lens, const LensPageContext& context)
      : lens_(lens), context_(context) {}

  std::string body() const {
    std::string out = fmt::format(
        "<p class=\"subtitle\">{} tokens; model {}, in {}</p>\n<div class=\"notice\"><p>{}</p><p>{}"
        "</p></div>\n<p class=\"read\">{}</p>\n",
        lens_.tokens.size(), escape_markup(context_.model), escape_markup(context_.precision),
        escape_markup(context_.notice), escape_markup(std::string(why::kLensMeaning)),
        escape_markup(context_.text));
    out += layers_section() + contributions_section();
    if (!lens_.heads.empty() || !lens_.rollout.empty()) out += attention_section();
    return out;
  }

 private:
  // In quotes, so that blanks at the ends are seen.
  std::string quoted(TokenId id) const {
    return "&ldquo;" + escape_markup(context_.text_of(id)) + "&rdquo;";
  }

  // For a table, where the column says enough.
  std::string word(TokenId id) const {
    const std::string text = context_.text_of(id);
    const std::size_t first = text.find_first_not_of(" \n\t");
    if (first == std::string::npos) return "\u2423";  // a blank that is seen
    return escape_markup(text.substr(first));
  }

  std::string token_at(std::size_t position) const { return quoted(lens_.tokens[position]); }

  static std::string layer_name(std::size_t layer, std::size_t layers) {
    if (layer == 0) return "embeddings";
    return fmt::format("layer {}{}", layer, layer + 1 == layers ? ", the last" : "");
  }

  std::string layer_cell(const why::LensPosition& position, std::size_t layer) const {
    const why::LayerReading& reading = position.layers[layer];
    std::string likeliest;
    for (const why::LikelyToken& token : reading.top) {
      likeliest += fmt::format("{}{} {}", likeliest.empty() ? "" : ", ", quoted(token.id),
                               lens_share(token.probability));
    }
    const std::string where = layer_name(layer, position.layers.size()) + ", after " +
                              token_at(static_cast<std::size_t>(position.position));
    return fmt::format(
        "<td tabindex=\"0\" class=\"{}{}\"><span aria-hidden=\"true\">{}</span><span "
        "class=\"more\">{}: {}. {} has {} and rank {}. Entropy {:.3g} nats; divergence from the "
        "last layer {:.3g} nats; {} likeliest word as the last layer.</span></td>",
        shade_class(reading.probability), reading.agrees ? " same" : "",
        reading.top.empty() ? "" : word(reading.top.front().id), where, likeliest,
        quoted(position.target), lens_share(reading.probability), reading.rank, reading.entropy,
        reading.divergence, reading.agrees ? "the same" : "another");
  }

  std::string layers_section() const {
    const std::size_t layers = lens_.positions.front().layers.size();
    std::string out =
        "<h2>What each layer would say next</h2>\n<div class=\"scroll\"><table "
        "class=\"lens\">\n<thead><tr><th scope=\"col\">after</th>";
    for (const why::LensPosition& position : lens_.positions) {
      out += "<th scope=\"col\">" +
             word(lens_.tokens[static_cast<std::size_t>(position.position)]) + "</th>";
    }
    out += "</tr></thead>\n<tbody>\n";
    for (std::size_t layer = 0; layer < layers; ++layer) {
      out += "<tr><th scope=\"row\">" + layer_name(layer, layers) + "</th>";
      for (const why::LensPosition& position : lens_.positions) out += layer_cell(position, layer);
      out += "</tr>\n";
    }
    return out +
           "</tbody></table></div>\n<p class=\"caption\">Each cell is the likeliest next word if "
           "the model stopped at that layer. The stronger a cell's colour, the more probability "
           "the layer "
           "gives to what the last layer says, or to the word that was asked for; an underlined "
           "word is the last layer's own. Point at a cell, or go through them with the Tab key, "
           "for its numbers.</p>\n";
  }

  struct Row {
    std::string name;
    double logit = 0;
    std::string norm;
  };

  static std::vector<Row> rows_of(const why::LogitParts& parts) {
    const auto length = [](const why::Contribution& part) {
      return fmt::format("{:.3f}", part.norm);
    };
    std::vector<Row> rows = {
        {"embedding of the word", parts.token.logit, length(parts.token)},
        {"embedding of its position", parts.position.logit, length(parts.position)}};
    for (std::size_t i = 0; i < parts.attention.size(); ++i) {
      rows.push_back({fmt::format("block {}, attention", i + 1), parts.attention[i].logit,
                      length(parts.attention[i])});
      rows.push_back(
          {fmt::format("block {}, MLP", i + 1), parts.mlp[i].logit, length(parts.mlp[i])});
    }
    rows.push_back({"bias of the final norm", parts.bias, ""});
    rows.push_back({"rounding", parts.rounding, ""});
    return rows;
  }

  std::string contributions_table(const why::LensPosition& position) const {
    const std::vector<Row> rows = rows_of(position.parts);
    double most = 1e-9;
    for (const Row& row : rows) most = std::max(most, std::fabs(row.logit));
    std::string out =
        "<div class=\"scroll\"><table class=\"adds\">\n<thead><tr><th scope=\"col\">part</th><th "
        "scope=\"col\">adds to the logit</th><td></td><th scope=\"col\">length of what it "
        "adds</th></tr></thead>\n<tbody>\n";
    for (const Row& row : rows) {
      const double width = 50 * std::fabs(row.logit) / most;
      out += fmt::format(
          "<tr><th scope=\"row\">{}</th><td>{:+.3f}</td><td class=\"bar\" aria-hidden=\"true\"><i "
          "{} style=\"left:{:.2f}%;width:{:.2f}%\"></i></td><td>{}</td></tr>\n",
          row.name, row.logit, row.logit < 0 ? "class=\"less\"" : "",
          row.logit < 0 ? 50 - width : 50, width, row.norm);
    }
    return out + fmt::format(
                     "<tr class=\"sum\"><th scope=\"row\">logit of {}</th><td>{:+.3f}</td><td></td>"
                     "<td></td></tr>\n</tbody></table></div>\n",
                     quoted(position.target), position.parts.logit);
  }

  std::string contributions_section() const {
    std::string out = "<h2>What each part adds to the logit</h2>\n";
    for (const why::LensPosition& position : lens_.positions) {
      const std::string title = fmt::format("{} after {}", quoted(position.target),
                                            token_at(static_cast<std::size_t>(position.position)));
      const bool alone = lens_.positions.size() == 1;
      out += (alone ? "<p>" + title + "</p>\n" : "<details><summary>" + title + "</summary>\n") +
             contributions_table(position) + (alone ? "" : "</details>\n");
    }
    return out +
           "<p class=\"caption\">The parts add up to the logit. The same number added to every "
           "word's logit would change no probability, so compare words rather than read one "
           "alone.</p>\n";
  }

  // `weights` [positions, tokens] of one head, or the same of the rollout.
  template <typename Weight>
  std::string weight_rows(const std::vector<Weight>& weights, const std::string& name,
                          bool one_row) const {
    const std::size_t tokens = lens_.tokens.size();
    std::string out;
    for (std::size_t row = 0; row < lens_.positions.size(); ++row) {
      const auto position = static_cast<std::size_t>(lens_.positions[row].position);
      out += "<tr><th scope=\"row\">" + (one_row ? name : token_at(position)) + "</th>";
      for (std::size_t at = 0; at < tokens; ++at) {
        const auto weight = static_cast<double>(weights[row * tokens + at]);
        out += at > position
                   ? "<td></td>"
                   : fmt::format("<td class=\"{}\">{:.0f}</td>", shade_class(weight), 100 * weight);
      }
      out += "</tr>\n";
    }
    return out;
  }

  std::string attention_table(const std::string& rows) const {
    std::string out =
        "<div class=\"scroll\"><table class=\"lens\">\n<thead><tr><th scope=\"col\">reads</th>";
    for (const TokenId token : lens_.tokens) out += "<th scope=\"col\">" + word(token) + "</th>";
    return out + "</tr></thead>\n<tbody>\n" + rows + "</tbody></table></div>\n";
  }

  std::string attention_section() const {
    std::string out = "<h2>Where heads read</h2>\n<div class=\"notice\"><p>" +
                      escape_markup(std::string(why::kAttentionMeaning)) + "</p></div>\n";
    const bool one_row = lens_.positions.size() == 1;
    std::string rows;
    const auto add = [&](const auto& weights, const std::string& name) {
      const std::string these = weight_rows(weights, name, one_row);
      if (one_row) {
        rows += these;
      } else {
        out +=
            "<details><summary>" + name + "</summary>\n" + attention_table(these) + "</details>\n";
      }
    };
    for (const why::HeadWeights& head : lens_.heads) {
      add(head.weights, fmt::format("layer {}, head {}", head.layer, head.head));
    }
    if (!lens_.rollout.empty()) add(lens_.rollout, "all layers (rollout)");
    if (one_row) out += attention_table(rows);
    return out +
           "<p class=\"caption\">Percent of its attention that each row gives to each word; "
           "a row adds up to 100.</p>\n";
  }

  const why::LensResult& lens_;
  const LensPageContext& context_;
};

}  // namespace

std::string lens_page(const why::LensResult& lens, const LensPageContext& context) {
  const std::size_t positions = lens.positions.size();
  const std::size_t maps = lens.heads.size() + (lens.rollout.empty() ? 0 : 1);
  const std::size_t cells =
      positions * (lens.positions.front().layers.size() + maps * lens.tokens.size());
  if (cells > kMaxLensPageCells) {
    base::refuse(
        fmt::format("the page's tables would have {} cells; at most {} are drawn: name "
                    "fewer heads with `attention`, leave out `all`, or take JSON",
                    cells, kMaxLensPageCells));
  }
  const std::string style = std::string(report_style()) + kLensStyle;
  Page whole;
  whole.title = "What the model would say at each layer";
  whole.body = LensPage(lens, context).body();
  whole.style = style;
  return page(whole);
}

}  // namespace medgen::report
