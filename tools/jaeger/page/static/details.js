import { el, after, clock, duration, plural } from './text.js';
import { names } from './names.js';

// details are all that is known of spans: each with its walk through the rooms and its attributes.
export function details(trace, spans) {
  if (!spans.length) return [el('p', { class: 'hint' }, 'Choose an arrow or a span: all that is known of it stands here.')];
  return spans.map(span => el('section', { 'data-span': span.id },
    el('h3', { class: span.failed ? 'failed' : '' }, span.name),
    el('p', {}, `${span.node}, ${after(span.start - trace.start)}, took `, el('b', {}, duration(span.duration))),
    el('p', { class: 'when' }, clock(span.start)),
    span.warnings.map(w => el('p', { class: 'warning' }, `Jaeger warns: ${w}`)),
    rooms(trace, span), table('Attributes', span.tags), table('Process', span.resource, true)));
}

// rooms are where a packet was: events of its span, or child spans of it.
function rooms(trace, span) {
  const visits = [...span.events, ...trace.spans.filter(s => s.parent === span && s.node === span.node && !s.tags.has(names.messageType)
    && s.end <= span.end).map(s => ({ at: s.start, name: s.name, tags: s.tags, took: s.duration }))].sort((a, b) => a.at - b.at);
  if (!visits.length) return null;
  return el('table', { class: 'rooms' }, el('caption', {}, plural(visits.length, 'room')),
    visits.map(v => el('tr', {}, el('td', { class: 'number' }, `+${duration(Math.max(0, v.at - span.start))}`), el('th', { scope: 'row' }, v.name),
      el('td', {}, [v.took !== undefined && duration(v.took), v.tags.get(names.outcome), v.tags.get(names.reason)].filter(Boolean).join(', ')))));
}

const table = (name, tags, closed = false) => tags.size > 0 && el('details', { open: !closed }, el('summary', {}, name),
  el('table', {}, [...tags].sort(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => el('tr', {}, el('th', { scope: 'row' }, k), el('td', {}, String(v))))));
