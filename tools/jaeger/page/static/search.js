import { el, clock, duration, plural } from './text.js';
import * as jaeger from './jaeger.js';
import { names, withPhrase } from './names.js';
import { read, grade } from './call.js';

const most = 200; // traces that one question may bring

// search asks for the calls that a query in the page's address describes, newest first. seen is how many were looked at.
export async function search(query) {
  const tags = {};
  const status = query.get('status') ?? '';
  if (query.get('call')) tags[names.callID] = query.get('call').trim();
  if (query.get('user')) tags[names.user] = query.get('user').trim();
  if (/^\d{3}$/.test(status)) tags[names.status] = status;
  // Jaeger compares one span's tags with all of these, and knows no classes: what is left is picked here.
  const traces = await jaeger.find({ service: query.get('service'), ...range(query), tags, limit: most });
  const calls = traces.map(read);
  return { calls: calls.filter(c => fits(c, status)), seen: calls.length, all: calls.length < most };
}

function fits(call, status) {
  if (status === 'failed') return call.failed;
  const digit = /^(\d)xx$/.exec(status)?.[1];
  return !digit || [...call.statuses].some(s => String(s).startsWith(digit));
}

function range(query) {
  const between = query.get('last') === 'between';
  const at = (name, otherwise) => (query.get(name) ? new Date(query.get(name)).getTime() : otherwise) * 1000;
  const now = Date.now();
  if (between) return { start: at('from', now - 3600e3), end: at('to', now) };
  return { start: (now - 1000 * Number(query.get('last') ?? 3600)) * 1000, end: (now + 60e3) * 1000 };
}

// results are the calls as a list; each leads to its trace.
export function results({ calls, seen, all }) {
  const count = calls.length === seen ? plural(seen, 'call') : `${plural(calls.length, 'call')} of ${seen}`;
  return [el('h1', {}, calls.length ? count : 'No calls'),
    !all && el('p', { class: 'hint' }, `These are of the newest ${seen}: narrow the time to see older ones.`),
    !calls.length && el('p', { class: 'hint' }, 'Nothing that Jaeger has fits. A Call-ID is compared exactly; a longer time may help.'),
    el('ol', { class: 'calls' }, calls.map(c => el('li', {}, card(c))))];
}

function card(call) {
  return el('a', { class: `card ${call.failed ? 'failed' : grade(call.status)}`, href: `trace/${call.trace.id}` },
    el('span', { class: 'outcome' }, el('b', {}, call.method || call.trace.spans[0].name), ' ', verdict(call)),
    el('span', { class: 'who' }, call.from, el('i', {}, ' → '), call.to),
    el('time', {}, clock(call.trace.start)),
    el('span', { class: 'id' }, call.callID || call.trace.id),
    el('span', { class: 'facts' }, facts(call).join(' · ')));
}

export const verdict = call => el('span', { class: `verdict ${grade(call.status, !call.status && call.drops > 0)}` },
  call.status ? withPhrase(call.status) : call.drops ? 'dropped' : 'no final response');

// facts are what stands out of a call, in words.
export function facts(call) {
  return [
    call.talked !== undefined ? `talked ${duration(call.talked)}` : call.rang !== undefined && `decided after ${duration(call.rang)}`,
    plural(call.messages, 'message'),
    call.cast.nodes.length > 1 && plural(call.cast.nodes.length, 'proxy', 'proxies'),
    call.copies > 0 && plural(call.copies, 'retransmission'),
    call.relays > 0 && plural(call.relays, 'media relay'),
    call.drops > 0 && `${call.drops} dropped`,
    call.restarts > 0 && plural(call.restarts, 'restart'),
  ].filter(Boolean);
}
