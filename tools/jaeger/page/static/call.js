import { names, relay, isRestart } from './names.js';
import { Cast } from './cast.js';

// read makes a call of a trace: rows in the order of time, and the cast that they happen between.
//
// A row is one of
//   message  one SIP message on its way through all proxies that have a span of it, which are its hops
//   media    a relay's life
//   restart  of a room
export function read(trace) {
  const hops = trace.spans.filter(s => s.tags.has(names.messageType)).map(readHop);
  hops.push(...hops.filter(h => h.outcome === 'answer').map(ownAnswer));
  hops.sort((a, b) => a.start - b.start);
  const cast = new Cast(hops);
  const ways = follow(hops, cast);
  cast.place(ways);
  const rows = ways.map(way => ({ kind: 'message', at: way[0].start, hops: way, path: cast.path(way) }));
  markCopies(rows);
  for (const span of trace.spans) {
    if (span.name === relay) rows.push({ kind: 'media', at: span.start, span, sides: sides(span), path: cast.through(span.node) });
    if (isRestart(span.name)) rows.push({ kind: 'restart', at: span.start, span, path: cast.within(span.node) });
  }
  rows.sort((a, b) => a.at - b.at);
  return { trace, rows, cast, ...summary(trace, rows, cast) };
}

const joined = (address, port) => {
  if (address === undefined || address === '') return '';
  const host = String(address).includes(':') ? `[${address}]` : address;
  return port === undefined ? String(host) : `${host}:${port}`;
};

// readHop is one proxy's part in a message's way.
function readHop(span) {
  const tag = key => span.tags.get(key);
  return {
    span, start: span.start, node: span.node,
    isRequest: tag(names.messageType) === 'request',
    method: String(tag(names.method) ?? '?'),
    status: Number(tag(names.status) ?? 0),
    cseq: parseInt(tag(names.cseq)) || 0, // with or without the method behind it
    from: joined(tag(names.peerAddress), tag(names.peerPort)),
    at: joined(tag(names.localAddress), tag(names.localPort)),
    to: joined(tag(names.serverAddress), tag(names.serverPort)),
    legIn: tag(names.legIn) ?? '', legOut: tag(names.legOut) ?? '',
    outcome: tag(names.outcome) ?? 'pass',
    reason: tag(names.error) ?? '',
  };
}

// ownAnswer is the response that a proxy itself gave to a request: it goes back by the leg that this came by.
const ownAnswer = h => ({ ...h, isOwn: true, isRequest: false, start: h.span.end, from: '', at: '', to: h.from, legOut: '', outcome: 'pass' });

const isSame = (a, b) => a.isRequest === b.isRequest && a.method === b.method && a.cseq === b.cseq && (a.isRequest || a.status === b.status);

// follow joins the hops of one message: what one proxy sent and the next one received. Each hop is in one way. Clocks of
// proxies differ, so the next one may seem to have had it before.
function follow(hops, cast) {
  const ways = [];
  for (const hop of hops) {
    const behind = hop.isOwn ? undefined : ways.findLast(way => isNext(way.at(-1), hop, cast, 4e6));
    const ahead = behind ? undefined : ways.findLast(way => !way[0].isOwn && isNext(hop, way[0], cast, 1e6));
    if (behind) {
      cast.meet(behind.at(-1), hop);
      behind.push(hop);
    } else if (ahead) {
      cast.meet(hop, ahead[0]);
      ahead.unshift(hop);
    } else {
      ways.push([hop]);
    }
  }
  return ways;
}

// isNext tells whether what one hop sent arrived as the other, within so many microseconds.
function isNext(hop, next, cast, apart) {
  if (hop.outcome !== 'pass' || !isSame(hop, next) || Math.abs(next.start - hop.start) > apart) return false;
  return next.isRequest && next.span.parent ? next.span.parent === hop.span : cast.leads(hop, next);
}

// markCopies numbers the copies of a message that came more than once by the same way: retransmissions.
function markCopies(rows) {
  const seen = new Map();
  for (const row of rows) {
    const h = row.hops[0];
    const key = [h.node, h.from, h.isRequest, h.method, h.isRequest ? 0 : h.status, h.cseq].join();
    row.copy = (seen.get(key) ?? 0) + 1;
    seen.set(key, row.copy);
  }
}

// sides are a relay's counters: by side, then by what was counted.
function sides(span) {
  const found = new Map();
  for (const [key, value] of span.tags) {
    const [side, ...what] = key.startsWith(names.media) ? key.slice(names.media.length).split('.') : [];
    if (!what?.length) continue;
    if (!found.has(side)) found.set(side, {});
    found.get(side)[what.join('.')] = value;
  }
  return found;
}

// grade is how bad a status or a message is: good, challenge, refused, failed or none.
export function grade(status, failed = false) {
  if (failed || status >= 500) return 'failed';
  if (status === 401 || status === 407 || status === 487) return 'challenge';
  if (status >= 400) return 'refused';
  if (status >= 200 && status < 300) return 'good';
  return 'none';
}

export function gradeOf(row) {
  if (row.kind !== 'message') return row.kind === 'restart' || row.span.failed ? 'failed' : 'none';
  const [h] = row.hops;
  return grade(h.isRequest ? 0 : h.status, row.hops.some(h => h.outcome === 'drop' || h.span.failed && h.outcome === 'pass'));
}

// summary says in a few values how the call went.
function summary(trace, rows, cast) {
  const messages = rows.filter(r => r.kind === 'message');
  const hops = messages.flatMap(r => r.hops);
  const first = messages.find(r => r.hops[0].isRequest) ?? messages[0];
  const method = first?.hops[0].method ?? '';
  const finals = messages.filter(({ hops: [h] }) => !h.isRequest && h.method === method && h.status >= 200 && h.outcome === 'pass');
  const good = finals.find(r => r.hops[0].status < 300);
  const final = good ?? finals.at(-1);
  const bye = messages.find(r => r.hops[0].isRequest && r.hops[0].method === 'BYE');
  const tag = key => trace.spans.find(s => s.tags.has(key))?.tags.get(key);
  return {
    method, status: final?.hops[0].status ?? 0,
    callID: String(tag(names.callID) ?? ''), user: String(tag(names.user) ?? ''),
    from: cast.nameOf(first?.path[0]), to: cast.nameOf(first?.path.at(-1)),
    rang: method === 'INVITE' && final ? final.at - first.at : undefined,
    talked: method === 'INVITE' && good && bye ? bye.at - good.at : undefined,
    statuses: new Set(hops.map(h => h.status).filter(Boolean)),
    messages: messages.length,
    copies: messages.filter(r => r.copy > 1).length,
    relays: rows.filter(r => r.kind === 'media').length,
    drops: hops.filter(h => h.outcome === 'drop').length,
    restarts: rows.filter(r => r.kind === 'restart').length,
    failed: trace.spans.some(s => s.failed) || rows.some(r => gradeOf(r) === 'failed'),
  };
}
