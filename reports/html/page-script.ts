/**
 * Comfort only: the page is complete without it. It adds a filter to the list of cells, copy
 * buttons to commands and a switch of theme, and opens what is folded before printing. Plain
 * JavaScript as text, because it runs in the reader's browser and is not built.
 */
export const pageScript = `(() => {
'use strict';
const root = document.documentElement;
const make = (tag, text, attributes) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  return element;
};

for (const code of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  const button = make('button', 'copy', { type: 'button' });
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(code.textContent).then(
      () => { button.textContent = 'copied'; },
      () => { button.textContent = 'select it by hand'; });
  });
  code.after(' ', button);
}

const table = document.querySelector('[data-filter=cells]');
const rows = table ? [...table.tBodies[0].rows] : [];
if (rows.length > 1) {
  const bar = make('div', '', { class: 'tools', role: 'group', 'aria-label': 'Filter of the cells' });
  const search = make('input', '', { type: 'search', placeholder: 'filter', 'aria-label': 'Text' });
  const states = [...new Set(rows.map((row) => row.dataset.state))];
  const chosen = new Set();
  const apply = () => {
    const words = search.value.toLowerCase();
    for (const row of rows) {
      const fits = chosen.size === 0 || chosen.has(row.dataset.state);
      row.hidden = !fits || !row.textContent.toLowerCase().includes(words);
    }
  };
  bar.append(search);
  for (const state of states) {
    const count = rows.filter((row) => row.dataset.state === state).length;
    const button = make('button', state + ' ' + count, { type: 'button', 'aria-pressed': 'false' });
    button.addEventListener('click', () => {
      const isOn = !chosen.delete(state);
      if (isOn) chosen.add(state);
      button.setAttribute('aria-pressed', String(isOn));
      apply();
    });
    bar.append(button);
  }
  search.addEventListener('input', apply);
  table.parentElement.before(bar);
}

const keep = (value) => { try { localStorage.setItem('powercut-theme', value); } catch {} };
const kept = () => { try { return localStorage.getItem('powercut-theme'); } catch { return null; } };
const setTheme = (value) => {
  if (value === 'light' || value === 'dark') root.dataset.theme = value;
  else delete root.dataset.theme;
};
const theme = make('select', '', { 'aria-label': 'Colours' });
for (const value of ['system', 'light', 'dark']) theme.append(make('option', value, { value }));
theme.value = kept() || 'system';
setTheme(theme.value);
theme.addEventListener('change', () => { setTheme(theme.value); keep(theme.value); });
document.querySelector('nav').append(theme);

addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) details.open = true;
});
addEventListener('hashchange', () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target) target.hidden = false;
});
})();`;
