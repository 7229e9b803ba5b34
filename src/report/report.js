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
