// The report's style sheet and script. Everything can be read without the script; it sorts tables,
// copies their text forms and saves figures.
#include "report/report_parts.h"

namespace medgen::report {

std::string_view report_style() {
  return R"css(
:root { color-scheme: light dark; --ground: #fff; --ink: #1c1e21; --quiet: #5b6169; --rule: #d9dce0;
  --soft: #f5f6f8; --mark: #fff3cf; --link: #0b57a4; --warn: #8a4b00; --warn-ground: #fff7e8; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171a; --ink: #e5e7ea; --quiet: #9ba2ab;
  --rule: #343940; --soft: #1d2024; --mark: #41381c; --link: #8cc2ff; --warn: #ffc877; --warn-ground: #2a2318; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 Charter, "Bitstream Charter", Georgia, serif; }
main { max-width: 1180px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.3rem; margin: 2.6rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
p, ul, dl { max-width: 46rem; }
.subtitle { color: var(--quiet); margin: 0 0 1.2rem; }
.notice { border-left: 4px solid var(--warn); background: var(--warn-ground); padding: .6rem .9rem; margin: 0 0 1rem; max-width: none; }
.caption + .notice { margin-top: 1rem; }
.notice p { margin: .2rem 0; max-width: none; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; max-width: none; }
dl.facts dt { color: var(--quiet); } dl.facts dd { margin: 0; overflow-wrap: anywhere; }
code, pre { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; }
pre { background: var(--soft); border: 1px solid var(--rule); padding: .7rem; overflow: auto; max-height: 22rem; margin: .4rem 0; }
.scroll { overflow-x: auto; max-width: 100%; border: 1px solid var(--rule); border-radius: 4px; }
table { border-collapse: collapse; width: 100%; font: 13.5px/1.3 system-ui, "Liberation Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; }
th, td { padding: .42rem .6rem; text-align: right; vertical-align: top; white-space: nowrap; }
thead th { border-bottom: 2px solid var(--rule); vertical-align: bottom; background: var(--soft); white-space: normal; }
tbody tr + tr > *, tbody + tbody > tr:first-child > * { border-top: 1px solid var(--rule); }
th:first-child, td.words { text-align: left; }
th:first-child { position: sticky; left: 0; background: var(--ground); font-weight: 600; min-width: 9.4rem; max-width: 15rem; white-space: normal; overflow-wrap: break-word; box-shadow: 1px 0 0 var(--rule); }
thead th:first-child { background: var(--soft); }
tbody.human th, tbody.human td { background: var(--soft); font-style: italic; }
td small { display: block; color: var(--quiet); font-size: 11px; margin-top: .1rem; }
td.closest { background: var(--mark); font-weight: 650; } td.closest small { font-weight: 400; }
sup { line-height: 0; }
thead button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; font-weight: 600; }
thead button::after { content: " \2195"; color: var(--quiet); font-weight: 400; }
th[aria-sort=ascending] button::after { content: " \2191"; color: var(--link); }
th[aria-sort=descending] button::after { content: " \2193"; color: var(--link); }
button:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.caption, figcaption { color: var(--quiet); font-size: .88rem; line-height: 1.45; max-width: 60rem; margin: .5rem 0 0; }
figure { margin: 1.2rem 0; break-inside: avoid; } figure svg { max-width: 100%; height: auto; display: block; } figure .scroll { border: 0; } figure .scroll svg { min-width: 560px; }
figure .tool { margin-top: .4rem; } table.settings { width: auto; } .scroll:has(> table.settings) { width: fit-content; }
.small { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); gap: 1rem 1.5rem; }
.small figure { margin: 0; }
details { margin: .6rem 0; } summary { cursor: pointer; }
details.prompt { border-top: 1px solid var(--rule); padding-top: .6rem; } details.prompt > summary { font-weight: 600; overflow-wrap: anywhere; }
.texts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr)); gap: .9rem; margin: .8rem 0 1.2rem; }
.texts article { border: 1px solid var(--rule); border-radius: 4px; padding: .6rem .8rem; min-width: 0; background: var(--soft); }
.texts h4 { margin: 0 0 .3rem; font: 600 13px/1.3 system-ui, "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
.texts p { margin: 0; font-size: .92rem; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; }
.texts footer { margin-top: .4rem; color: var(--quiet); font: 12px/1.3 system-ui, "Liberation Sans", Arial, sans-serif; }
.tool { font: 12px/1.2 system-ui, "Liberation Sans", Arial, sans-serif; color: var(--link); background: none; border: 1px solid var(--rule); border-radius: 4px; padding: .25rem .6rem; cursor: pointer; }
dl.terms dt { font-weight: 600; margin-top: .5rem; } dl.terms dd { margin: 0 0 0 1.2rem; }
@media print { main { max-width: none; padding: 0; } .tool { display: none; } thead button::after { content: ""; } .scroll { overflow: visible; border: 0; } table { font-size: 8pt; } th, td { padding: .2rem .3rem; } th:first-child { position: static; } }
@media (max-width: 600px) { body { font-size: 15px; } main { padding: 1.2rem .8rem 3rem; } h1 { font-size: 1.5rem; } dl.facts { grid-template-columns: 1fr; gap: 0; } dl.facts dd { margin-bottom: .5rem; } table { font-size: 12.5px; } th:first-child { min-width: 9.2rem; max-width: 9.2rem; } }
)css";
}

std::string_view report_script() {
  return R"js(
'use strict';
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener('click', () => {
      const falling = head.getAttribute('aria-sort') === 'ascending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
      const key = row => {
        const cell = row.cells[column], value = cell.dataset.value;
        return value === undefined ? cell.textContent : value === '' ? null : Number(value);
      };
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (x === null || y === null) return (x === null) - (y === null);
        const rank = typeof x === 'number' ? x - y : x.localeCompare(y, 'en', {numeric: true});
        return falling ? -rank : rank;
      };
      const body = table.querySelector('tbody.rows');
      body.append(...[...body.rows].sort(order));
    });
  });
}
const tool = (words, action) => {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'tool';
  button.textContent = words;
  button.addEventListener('click', action);
  return button;
};
for (const text of document.querySelectorAll('pre.copy')) {
  text.before(tool('Copy', event => {
    getSelection().selectAllChildren(text);
    document.execCommand('copy');
    event.target.textContent = 'Copied';
  }));
}
document.querySelectorAll('figure svg').forEach((svg, number) => {
  svg.closest('figure').append(tool('Save as SVG', () => {
    const copy = svg.cloneNode(true);
    copy.style.color = getComputedStyle(svg).color;
    copy.style.background = getComputedStyle(document.body).backgroundColor;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([new XMLSerializer().serializeToString(copy)], {type: 'image/svg+xml'}));
    link.download = 'figure-' + (number + 1) + '.svg';
    link.click();
    URL.revokeObjectURL(link.href);
  }));
});
)js";
}

}  // namespace medgen::report
