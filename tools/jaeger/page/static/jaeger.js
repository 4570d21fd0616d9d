import { names } from './names.js';

async function ask(path) {
  const r = await fetch(new URL(path, document.baseURI));
  const body = await r.json().catch(() => ({}));
  if (!r.ok) throw new Error(body.errors?.[0]?.msg ?? `Jaeger says ${r.status} to ${path}`);
  return body.data ?? [];
}

// services are those that Jaeger knows, without Jaeger's own.
export const services = async () => (await ask('api/services')).filter(s => s !== 'jaeger').sort();

// find asks for traces: service, start and end in microseconds, tags that one span has, and how many at most.
export async function find({ service, start, end, tags, limit }) {
  const q = new URLSearchParams({ service, start, end, limit });
  if (Object.keys(tags).length) q.set('tags', JSON.stringify(tags));
  return (await ask(`api/traces?${q}`)).map(read).sort((a, b) => b.start - a.start);
}

export async function trace(id) {
  const [t] = await ask(`api/traces/${encodeURIComponent(id)}`);
  if (!t) throw new Error(`Jaeger has no trace ${id}`);
  return read(t);
}

// read makes of Jaeger's JSON what the rest of the page uses. Times are microseconds.
function read(t) {
  const spans = t.spans.map(s => readSpan(s, t.processes[s.processID] ?? {}));
  spans.sort((a, b) => a.start - b.start || b.duration - a.duration);
  const byID = new Map(spans.map(s => [s.id, s]));
  for (const s of spans) s.parent = byID.get(s.parentID);
  const start = Math.min(...spans.map(s => s.start));
  return {
    id: t.traceID, spans, start, end: Math.max(...spans.map(s => s.end)),
    warnings: [...new Set([...(t.warnings ?? []), ...spans.flatMap(s => s.warnings)])],
  };
}

function readSpan(s, process) {
  const tags = new Map((s.tags ?? []).map(t => [t.key, t.value]));
  const resource = new Map((process.tags ?? []).map(t => [t.key, t.value]));
  return {
    id: s.spanID,
    parentID: s.references?.find(r => r.refType === 'CHILD_OF' || r.traceID === s.traceID)?.spanID,
    name: s.operationName, service: process.serviceName ?? '', tags, resource,
    node: String(resource.get(names.node) ?? resource.get('service.instance.id') ?? resource.get('host.name') ?? process.serviceName ?? ''),
    start: s.startTime, duration: s.duration, end: s.startTime + s.duration,
    events: (s.logs ?? []).map(readEvent).sort((a, b) => a.at - b.at),
    failed: tags.get('error') === true || tags.get('error') === 'true' || tags.get('otel.status_code') === 'ERROR',
    warnings: s.warnings ?? [],
  };
}

function readEvent(log) {
  const tags = new Map(log.fields.map(f => [f.key, f.value]));
  const name = tags.get('event') ?? tags.get('message') ?? 'event';
  tags.delete('event');
  return { at: log.timestamp, name, tags };
}
