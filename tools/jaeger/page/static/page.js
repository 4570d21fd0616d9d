import { el, clock, duration } from './text.js';
import * as jaeger from './jaeger.js';
import { read } from './call.js';
import { ladder } from './ladder.js';
import { waterfall } from './waterfall.js';
import { details } from './details.js';
import { search, results, verdict, facts } from './search.js';

const main = document.getElementById('main'), says = document.getElementById('says'), form = document.getElementById('search');
const base = new URL(document.baseURI);

// show draws what the page's address names: search?…, or trace/ID?view=…&span=…
let turn = 0;
async function show() {
  const mine = ++turn; // a slower answer to an earlier question is not drawn
  const draw = (title, ...parts) => {
    if (mine !== turn) return;
    document.title = title;
    main.replaceChildren(...parts.flat().filter(Boolean));
    says.textContent = '';
  };
  says.textContent = 'Asking Jaeger …';
  try {
    const here = new URL(location.href), trace = here.pathname.slice(base.pathname.length).match(/^trace\/([0-9a-f]+)/i);
    if (trace) {
      const call = read(await jaeger.trace(trace[1]));
      draw(`${call.method} ${call.callID}`, drawCall(call, here.searchParams));
    } else {
      const query = await asked(here.searchParams);
      if (!query) return draw('Calls', el('h1', {}, 'No calls yet'), el('p', { class: 'hint' }, 'Jaeger has not heard of any service. Is the proxy told where to send its traces?'));
      draw('Calls', results(await search(query)));
    }
  } catch (e) {
    if (mine !== turn) return;
    main.replaceChildren();
    says.textContent = e.message;
  }
}

// asked is the query of the page's address, with a service; the form shows it.
async function asked(query) {
  await offerServices(query.get('service'));
  for (const field of form.elements) if (field.name && query.has(field.name)) field.value = query.get(field.name);
  query.set('service', form.elements.service.value);
  if (!query.has('last')) query.set('last', form.elements.last.value);
  between();
  return form.elements.service.value ? query : null;
}

async function offerServices(chosen) {
  const select = form.elements.service, before = chosen ?? select.value;
  const all = await jaeger.services();
  select.replaceChildren(...all.map(s => el('option', {}, s)));
  select.value = all.includes(before) ? before : all.includes('actorsip') ? 'actorsip' : all[0] ?? '';
}

const between = () => form.classList.toggle('is-between', form.elements.last.value === 'between');

function drawCall(call, query) {
  const side = el('aside', { 'aria-label': 'Details', 'aria-live': 'polite' });
  const choose = spans => {
    const ids = new Set(spans.map(s => s.id));
    for (const b of main.querySelectorAll('button.row')) b.setAttribute('aria-pressed', String(b.dataset.spans.split(' ').some(id => ids.has(id))));
    side.replaceChildren(...details(call.trace, spans));
    note({ span: [...ids].join(' ') || null });
  };
  const views = { ladder: call.rows.length ? ladder(call, choose) : null, spans: waterfall(call.trace, choose) };
  const first = views[query.get('view')] ? query.get('view') : views.ladder ? 'ladder' : 'spans';
  const wanted = (query.get('span') ?? '').split(/[ +]/);
  queueMicrotask(() => choose(call.trace.spans.filter(s => wanted.includes(s.id))));
  return [headline(call), el('div', { class: 'call' }, el('div', { class: 'views' }, tabs(views, first)), side)];
}

function headline(call) {
  const { trace } = call;
  return el('section', { class: 'headline' },
    el('h1', {}, call.method || 'Trace', ' ', call.method && verdict(call)),
    el('p', { class: 'id' }, call.callID),
    el('p', {}, [clock(trace.start), duration(trace.end - trace.start), ...facts(call), `${trace.spans.length} spans`].join(' · ')),
    trace.warnings.map(w => el('p', { class: 'warning' }, `Jaeger warns: ${w}`)));
}

function tabs(views, first) {
  const shown = Object.entries({ ladder: 'Ladder', spans: 'Spans' }).filter(([view]) => views[view]);
  const open = view => {
    for (const [v] of shown) {
      views[v].hidden = v !== view;
      const tab = list.querySelector(`#tab-${v}`);
      tab.setAttribute('aria-selected', String(v === view));
      tab.tabIndex = v === view ? 0 : -1;
    }
    note({ view });
  };
  const list = el('div', { role: 'tablist', 'aria-label': 'View' }, shown.map(([view, name]) =>
    el('button', { role: 'tab', type: 'button', id: `tab-${view}`, 'aria-controls': `view-${view}`, onclick: () => open(view) }, name)));
  list.addEventListener('keydown', e => {
    if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
    const other = list.querySelector('[role=tab][aria-selected=false]');
    if (other) { other.click(); other.focus(); }
  });
  for (const [view] of shown) {
    const v = views[view];
    v.id = `view-${view}`;
    v.setAttribute('role', 'tabpanel');
    v.setAttribute('aria-labelledby', `tab-${view}`);
  }
  open(first);
  return [list, ...shown.map(([view]) => views[view])];
}

// note writes into the page's address what is seen, so that it can be handed on.
function note(values) {
  const here = new URL(location.href);
  for (const [key, value] of Object.entries(values)) value === null ? here.searchParams.delete(key) : here.searchParams.set(key, value);
  history.replaceState(null, '', here);
}

function go(path) {
  history.pushState(null, '', new URL(path, base));
  show().then(() => { main.focus({ preventScroll: true }); scrollTo(0, 0); });
}

form.addEventListener('submit', e => {
  e.preventDefault();
  go(`search?${new URLSearchParams([...new FormData(form)].filter(([key, v]) => v && (form.elements.last.value === 'between' || key !== 'from' && key !== 'to')))}`);
});
form.elements.last.addEventListener('change', between);
document.addEventListener('click', e => {
  const link = e.target.closest?.('a[href]');
  if (!link || e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || link.origin !== location.origin) return;
  e.preventDefault();
  if (link.id === 'home') form.reset();
  go(link.href);
});
addEventListener('popstate', show);
if (location.pathname.slice(base.pathname.length).startsWith('trace/')) offerServices().catch(() => {}); // show says what is wrong
show();
