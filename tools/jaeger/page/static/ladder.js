import { el, after, clock, duration, plural, arrowKeys } from './text.js';
import { gradeOf } from './call.js';
import { withPhrase } from './names.js';

// ladder draws a call: time from top to bottom, a line for each party and leg, an arrow for each part of a message's way.
// choose is called with the spans of the row that was chosen.
export function ladder(call, choose) {
  const at = positions(call.cast.lines);
  const rows = el('ol', { class: 'rows' });
  let before = call.rows[0]?.at;
  for (const row of call.rows) {
    if (row.at - before > 1e6) rows.append(el('li', { class: 'gap' }, el('span', {}, `${duration(row.at - before)} later`)));
    before = row.at;
    rows.append(el('li', {}, drawRow(call, row, at, choose)));
  }
  arrowKeys(rows, 'button.row');
  const widest = Math.max(26, 5.4 * call.cast.lines.length + 11);
  return el('div', { class: 'ladder' }, el('div', { class: 'sheet', style: `min-width:${widest}rem` },
    head(call, at), el('div', { class: 'body' }, lifelines(call, at), rows)));
}

// positions are where the lines stand, in percent of the width: the legs of a node are nearer to one another. unit is that of
// the distances.
function positions(lines) {
  const at = new Map();
  let x = 0.85;
  for (const [i, line] of lines.entries()) {
    if (i > 0) x += line.node && lines[i - 1].node === line.node ? 1.2 : 2.2;
    at.set(line, x);
  }
  const unit = 100 / (x + 0.85);
  for (const [line, value] of at) at.set(line, unit * value);
  at.unit = unit;
  return at;
}

// bands are the nodes, from left to right.
function bands(call, at) {
  return call.cast.nodes.map(node => {
    const xs = call.cast.within(node).map(l => at.get(l)), edge = at.unit * (xs.length > 1 ? 0.36 : 0.6);
    const left = Math.min(...xs) - edge, right = Math.max(...xs) + edge;
    return { node, style: `left:${left}%;width:${right - left}%` };
  });
}

function head(call, at) {
  return el('div', { class: 'head', 'aria-hidden': true }, el('div', { class: 'lanes' },
    bands(call, at).map(b => el('div', { class: 'band', style: b.style, title: b.node }, el('b', {}, b.node))),
    call.cast.lines.map(line => {
      const cut = line.name.lastIndexOf(':');
      const name = line.node || cut < 0 ? [line.name] : [el('b', {}, line.name.slice(0, cut)), line.name.slice(cut)];
      return el('div', { class: line.node ? 'leg' : 'party', style: `left:${at.get(line)}%`, title: line.name }, name);
    })));
}

const lifelines = (call, at) => el('div', { class: 'lanes lifelines', 'aria-hidden': true },
  bands(call, at).map(b => el('div', { class: 'band', style: b.style })),
  call.cast.lines.map(line => el('i', { class: line.node ? 'leg' : 'party', style: `left:${at.get(line)}%` })));

function drawRow(call, row, at, choose) {
  const spans = row.kind === 'message' ? row.hops.map(h => h.span) : [row.span];
  const button = el('button', {
    class: `row ${row.kind} ${gradeOf(row)}${row.copy > 1 ? ' copy' : ''}`, type: 'button',
    'aria-label': spoken(call, row), 'aria-pressed': 'false', 'data-spans': spans.map(s => s.id).join(' '),
    onclick: () => choose(spans),
  }, el('time', { title: clock(row.at) }, after(row.at - call.trace.start)),
    el('span', { class: 'lanes' }, { message, media, restart }[row.kind](row, at, call)));
  return button;
}

// label is what stands at a message's arrows.
export function label(row) {
  const h = row.hops[0];
  return h.isRequest ? h.method : withPhrase(h.status);
}

function message(row, at, call) {
  const parts = [], path = row.path;
  let named = false;
  for (let i = 0; i + 1 < path.length; i++) {
    const [a, b] = [path[i], path[i + 1]];
    const inside = a.node && a.node === b.node;
    const hop = inside ? row.hops.find(h => h.node === a.node) : undefined;
    parts.push(segment(at.get(a), at.get(b), inside ? 'inside' : `arrow${named ? ' again' : ''}`,
      inside ? hop && duration(hop.span.duration) : words(row, named, call)));
    named ||= !inside;
  }
  if (path.length === 1) parts.push(mark(at.get(path[0]), '', label(row)));
  for (const line of path.slice(1, -1)) parts.push(dot(at.get(line)));
  const last = row.hops.at(-1);
  if (last.outcome === 'drop') parts.push(mark(at.get(path.at(-1)), '✕', last.reason || 'dropped'));
  else if (row.hops[0].isOwn) parts.push(dot(at.get(path[0]), 'own'), mark(at.get(path[0]), '', row.hops[0].reason));
  else if (last.outcome === 'answer') parts.push(dot(at.get(path.at(-1))));
  return parts;
}

// words are a message's label; the first arrow has all of them: whose response it is, when that is not plain, and which
// copy.
function words(row, named, call) {
  const h = row.hops[0];
  if (named) return label(row);
  return [el('b', {}, label(row)), !h.isRequest && h.method !== call.method && el('small', {}, ` ${h.method}`), row.copy > 1 && el('small', {}, ` again, copy ${row.copy}`)];
}

function segment(from, to, kind, text) {
  const way = to < from ? 'leftward' : 'rightward';
  return el('span', { class: `segment ${kind} ${way}`, style: `left:${Math.min(from, to)}%;width:${Math.abs(to - from)}%` },
    text && el('span', { class: 'text' }, text));
}

const dot = (x, kind = '') => el('i', { class: `dot ${kind}`, style: `left:${x}%` });
const mark = (x, sign, text) => el('span', { class: 'mark', style: `left:${x}%` }, el('i', {}, sign), el('span', {}, text));

function media(row, at) {
  if (row.path.length < 2) return [];
  const [first, last] = [row.path[0], row.path.at(-1)];
  return [segment(at.get(first), at.get(last), 'stream', [el('b', {}, `media ${duration(row.span.duration)}`), el('small', {}, ` ${flows(row.sides)}`)])];
}

// flows are the packets of a relay's sides, in words.
export function flows(sides) {
  return [...sides].filter(([, c]) => c.packets !== undefined).map(([side, c]) =>
    `${c.leg ?? side}: ${plural(Number(c.packets), 'packet')}${c.lost ? `, ${c.lost} lost` : ''}${c.mos ? `, MOS ${Number(c.mos).toFixed(1)}` : ''}`).join(' · ');
}

function restart(row, at) {
  return row.path.length ? [mark(at.get(row.path[0]), '⟳', row.span.name)] : [];
}

// spoken is a row for those who do not see it.
function spoken(call, row) {
  const when = after(row.at - call.trace.start);
  const who = row.path.map(l => call.cast.nameOf(l));
  if (row.kind === 'media') return `${when}: media for ${duration(row.span.duration)} between ${who.at(0)} and ${who.at(-1)}. ${flows(row.sides)}`;
  if (row.kind === 'restart') return `${when}: ${row.span.name} in ${row.span.node}`;
  const last = row.hops.at(-1);
  const end = last.outcome === 'drop' ? `, dropped: ${last.reason}` : row.hops[0].isOwn && row.hops[0].reason ? `: ${row.hops[0].reason}` : '';
  const again = row.copy > 1 ? `, copy ${row.copy}` : '';
  return `${when}: ${label(row)}${row.hops[0].isRequest ? '' : ' to ' + row.hops[0].method}${again}, from ${who.join(' to ')}${end}`;
}
