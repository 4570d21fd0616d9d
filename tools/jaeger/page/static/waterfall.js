import { el, after, duration, arrowKeys } from './text.js';
import { Axis } from './axis.js';

// waterfall draws all spans of a trace as a tree, with a bar for the time each took. choose is called with the span that
// was chosen.
export function waterfall(trace, choose) {
  const kept = { folded: true };
  const box = el('div', { class: 'waterfall' });
  const draw = () => box.replaceChildren(controls(kept, draw), sheet(trace, kept.folded, choose));
  draw();
  return box;
}

function controls(kept, draw) {
  const option = (folded, text, title) => el('label', { title }, el('input', {
    type: 'radio', name: 'scale', checked: kept.folded === folded,
    onchange: () => { kept.folded = folded; draw(); document.querySelector('input[name=scale]:checked').focus(); },
  }), text);
  return el('fieldset', { class: 'scale' }, el('legend', {}, 'Time'),
    option(true, 'idle time folded', 'Between packets, time is drawn as if it ran faster'), option(false, 'true to scale', 'Every second is as wide as any other'));
}

function sheet(trace, folded, choose) {
  const axis = new Axis(trace, folded);
  const rows = el('ol', { class: 'rows' });
  for (const [span, depth] of walk(trace.spans)) rows.append(el('li', {}, drawSpan(trace, span, depth, axis, choose)));
  arrowKeys(rows, 'button.row');
  return el('div', { class: 'sheet' }, el('div', { class: 'head', 'aria-hidden': true },
    el('span', { class: 'name' }, 'Span'), el('span', { class: 'took' }, 'Took'),
    el('span', { class: 'bars' }, axis.ticks().map(t => el('span', { class: 'tick', style: `left:${t.x}%` }, after(t.at - trace.start))))), rows);
}

// walk is the spans as a tree: each behind its parent, with its depth.
function walk(spans) {
  const children = Map.groupBy(spans, s => s.parent);
  const all = [], seen = new Set();
  const visit = (span, depth) => {
    if (seen.has(span)) return;
    seen.add(span);
    all.push([span, depth]);
    for (const child of children.get(span) ?? []) visit(child, depth + 1);
  };
  for (const root of children.get(undefined) ?? []) visit(root, 0);
  for (const span of spans) visit(span, 0); // those of a circle, which no root leads to
  return all;
}

function drawSpan(trace, span, depth, axis, choose) {
  const left = axis.x(span.start), width = axis.x(span.end) - left;
  return el('button', {
    class: `row ${span.failed ? 'failed' : ''}`, type: 'button', 'aria-pressed': 'false', 'data-spans': span.id, onclick: () => choose([span]),
    'aria-label': `${span.name} in ${span.node}, ${after(span.start - trace.start)}, took ${duration(span.duration)}${span.failed ? ', failed' : ''}`,
  },
    el('span', { class: 'name', style: `padding-left:${depth * 1.1}rem` }, el('b', {}, span.name), el('small', {}, ` ${span.node}`),
      span.warnings.length > 0 && el('em', { title: span.warnings.join('\n') }, ' ⚠')),
    el('span', { class: 'took' }, duration(span.duration)),
    el('span', { class: 'bars' }, el('i', { class: 'bar', style: `left:${left}%;width:${width}%` }),
      width > 3 && span.events.map(e => el('i', { class: 'event', style: `left:${axis.x(e.at)}%` }))));
}
