// See the header.
#include "report/trace_page.h"

#include <fmt/format.h>

#include "base/count_of.h"
#include "report/chart_parts.h"
#include "report/page.h"

namespace medgen::report {
namespace {

constexpr std::string_view kTraceStyle = R"(
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1e21; --quiet: #5b6169; --rule: #d9dce0;
  --mark: #ffe9a8; --link: #0b57a4; --warn: #8a4b00; --warn-ground: #fff7e8; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --ink: #e5e7ea; --quiet: #9ba2ab;
  --rule: #343940; --mark: #57481a; --link: #8cc2ff; --warn: #ffc877; --warn-ground: #2a2318; } }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.6 Charter, "Bitstream Charter", Georgia, serif; }
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.quiet { color: var(--quiet); }
.notice { border-left: 4px solid var(--warn); background: var(--warn-ground);
  padding: .6rem .9rem; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--rule);
  border-radius: 4px; padding: .8rem 1rem; }
a { color: var(--link); }
mark { background: var(--mark); color: inherit; }
.text a { color: inherit; text-decoration: underline dotted; background: var(--mark); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
li:target { outline: 2px solid var(--link); outline-offset: 4px; }
ol { padding-left: 1.6rem; } li { margin: 0 0 1.2rem; }
blockquote { margin: .3rem 0 .8rem; padding-left: .8rem; border-left: 3px solid var(--rule);
  white-space: pre-wrap; overflow-wrap: anywhere; }
sup { line-height: 0; }
)";

std::string span_id(std::size_t text, std::size_t span) {
  return fmt::format("t{}s{}", text + 1, span + 1);
}

std::string marked_text(const why::Trace& trace, std::size_t number) {
  std::string out = "<p class=\"text\">";
  std::size_t at = 0;
  for (const why::TraceMark& mark : marks_of(trace)) {
    out += escape_markup(trace.text.substr(at, mark.bytes.begin - at));
    std::string numbers;
    for (const std::size_t span : mark.spans) {
      numbers += fmt::format("{}{}", numbers.empty() ? "" : ",", span + 1);
    }
    const std::string id = span_id(number, mark.spans.front());
    out += fmt::format(
        "<a id=\"m{0}\" href=\"#{0}\" title=\"stands in the training text: see {1}\">{2}</a>"
        "<sup>{1}</sup>",
        id, numbers,
        escape_markup(trace.text.substr(mark.bytes.begin, mark.bytes.end - mark.bytes.begin)));
    at = mark.bytes.end;
  }
  return out + escape_markup(trace.text.substr(at)) + "</p>\n";
}

std::string place_markup(const TracePage& page, const why::TracedPlace& place,
                         const std::string& passage) {
  const why::IndexedSource& source = page.sources[place.document.source];
  std::string line = source.source.empty() ? source.group : source.source;
  if (!source.source.empty() && source.group != source.source) line += " (" + source.group + ")";
  line += fmt::format(", document {}", place.document.number_in_source + 1);
  if (page.titles && !place.name.id.empty()) line += ", " + place.name.id;
  std::string out = "<p>" + escape_markup(line);
  if (page.titles && !place.name.title.empty()) {
    out += ", titled <cite>" + escape_markup(place.name.title) + "</cite>";
  }
  out += ". Licence: " +
         (place.name.license.empty() ? "not recorded" : escape_markup(place.name.license)) +
         ".</p>\n";
  return out + "<blockquote>" + escape_markup(place.before) + "<mark>" + escape_markup(passage) +
         "</mark>" + escape_markup(place.after) + "</blockquote>\n";
}

// The number of the mark that holds each passage: its first passage's.
std::vector<std::size_t> marks_by_span(const why::Trace& trace) {
  std::vector<std::size_t> marks(trace.spans.size(), 0);
  for (const why::TraceMark& mark : marks_of(trace)) {
    for (const std::size_t span : mark.spans) marks[span] = mark.spans.front();
  }
  return marks;
}

std::string passages(const TracePage& page, const why::Trace& trace, std::size_t number) {
  std::string out = "<ol>\n";
  const std::vector<std::size_t> marks = marks_by_span(trace);
  for (std::size_t i = 0; i < trace.spans.size(); ++i) {
    const why::TracedSpan& span = trace.spans[i];
    const std::string passage =
        trace.text.substr(span.bytes.begin, span.bytes.end - span.bytes.begin);
    out += fmt::format("<li id=\"{}\"><a href=\"#m{}\">\u201C{}\u201D</a><br>{}, {}",
                       span_id(number, i), span_id(number, marks[i]), escape_markup(passage),
                       base::count_of(span.tokens, "token"), base::count_of(span.count, "time"));
    if (span.documents) out += " in " + base::count_of(*span.documents, "document");
    out += "\n";
    for (const why::TracedPlace& place : span.places) out += place_markup(page, place, passage);
    out += "</li>\n";
  }
  return out + "</ol>\n";
}

std::string text_section(const TracePage& page, std::size_t number) {
  const TracePage::Text& text = page.texts[number];
  const why::Trace& trace = *text.trace;
  std::string heading = text.name.empty() ? "The text" : text.name;
  if (text.generated) heading = "Generated by a machine: " + heading;
  std::string out = "<section>\n<h2>" + escape_markup(heading) + "</h2>\n";
  out += marked_text(trace, number);
  out += fmt::format("<p>{} of {} stand in passages of {} tokens or more. {}</p>\n", trace.covered,
                     base::count_of(trace.tokens, "token"), page.least_tokens,
                     trace.left_out > 0 ? fmt::format("Not shown: {} of commoner words.",
                                                      base::count_of(trace.left_out, "passage"))
                                        : "");
  if (trace.spans.empty()) {
    out += fmt::format("<p>No passage of {} tokens or more stands in the training text.</p>\n",
                       page.least_tokens);
  } else {
    out += "<h3>Where the passages stand</h3>\n<p class=\"notice\">" + escape_markup(page.quoted) +
           "</p>\n" + passages(page, trace, number);
  }
  return out + "</section>\n";
}

}  // namespace

std::string trace_page(const TracePage& page) {
  std::string body;
  if (!page.notice.empty()) body += "<p class=\"notice\">" + escape_markup(page.notice) + "</p>\n";
  body +=
      "<p>Marked passages stand word for word in the training text, which holds " +
      escape_markup(page.facts) +
      ". What stands there need not be true, and what is not marked may have been learnt there all "
      "the same.</p>\n";
  for (std::size_t i = 0; i < page.texts.size(); ++i) body += text_section(page, i);
  return report::page({.title = "Where these words stand in training text",
                       .body = body,
                       .style = kTraceStyle,
                       .script = {}});
}

}  // namespace medgen::report
