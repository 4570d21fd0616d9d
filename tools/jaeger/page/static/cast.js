// Cast is who takes part: the lines of the ladder from left to right. A line is a party, which is an address, or a leg
// of a node, which is a proxy; the legs of a node stand side by side.
export class Cast {
  lines = [];
  #known = new Map(); // every line there may be
  #sockets = new Map(); // address → the leg it belongs to
  #aliases = new Map(); // address → the other one by which the same party is known

  constructor(hops) {
    for (const h of hops) if (h.at) this.#sockets.set(h.at, this.#entry(h));
    const bySpan = new Map(hops.filter(h => !h.isOwn).map(h => [h.span, h]));
    for (const h of hops) {
      // A response is sent to who sent its request, and comes from where that was sent, whatever ports they use.
      const request = h.isRequest || h.isOwn ? undefined : bySpan.get(h.span.parent);
      if (!request?.isRequest || request.node !== h.node) continue;
      this.#alias(h.to, request.from);
      this.#alias(h.from, request.to);
    }
  }

  #alias(address, known) {
    const host = a => a.slice(0, a.lastIndexOf(':'));
    if (address && known && address !== known && host(address) === host(known) && !this.#sockets.has(address)) this.#aliases.set(address, known);
  }

  #line(key, line) {
    if (!this.#known.has(key)) this.#known.set(key, line);
    return this.#known.get(key);
  }

  #leg(node, name) {
    return this.#line(`leg ${node} ${name}`, { node, name });
  }

  #entry(h) {
    return this.#leg(h.node, h.legIn || h.at);
  }

  #exit(h) {
    return h.legOut ? this.#leg(h.node, h.legOut) : this.#entry(h);
  }

  // #far is the line of an address: a leg when the address is a proxy's, a party otherwise.
  #far(address) {
    const known = this.#sockets.has(address) ? address : this.#aliases.get(address) ?? address;
    return this.#sockets.get(known) ?? this.#line(`party ${known}`, { name: known });
  }

  // leads tells whether what one hop sent is what arrived at the other.
  leads(hop, next) {
    return hop.to !== '' && this.#far(hop.to).node === next.node && (hop.to === next.at || this.#far(next.from).node === hop.node);
  }

  // meet notes that one hop sent what arrived at the other: behind NAT, either knows the other by an address that is
  // nobody's socket.
  meet(hop, next) {
    if (hop.to && !this.#sockets.has(hop.to)) this.#sockets.set(hop.to, this.#entry(next));
    if (next.from && !this.#sockets.has(next.from)) this.#sockets.set(next.from, this.#exit(hop));
  }

  // path is the lines that a message touches, in its order.
  path(way) {
    const lines = [];
    const add = line => {
      if (line !== lines.at(-1)) lines.push(line);
    };
    for (const [i, h] of way.entries()) {
      if (i === 0 && h.from) add(this.#far(h.from));
      add(this.#entry(h));
      if (h.outcome !== 'pass') continue;
      add(this.#exit(h));
      if (i === way.length - 1 && h.to) add(this.#far(h.to));
    }
    return lines;
  }

  // place puts the lines of all ways in an order, each beside the one it first talks to.
  place(ways) {
    for (const way of ways) {
      const path = this.path(way);
      for (const [i, line] of path.entries()) if (!this.lines.includes(line)) this.#insert(line, path[i - 1]);
    }
    this.nodes = [...new Set(this.lines.filter(l => l.node).map(l => l.node))];
  }

  #insert(line, before) {
    const ofNode = line.node ? this.lines.findLastIndex(l => l.node === line.node) : -1;
    let i = ofNode >= 0 ? ofNode : this.lines.indexOf(before);
    if (ofNode < 0 && before) while (before.node && this.lines[i + 1]?.node === before.node) i++; // nothing between the legs of a node
    this.lines.splice(before || ofNode >= 0 ? i + 1 : this.lines.length, 0, line);
  }

  // within are the lines of a node; through has those to the left and right of it as well.
  within(node) {
    return this.lines.filter(l => l.node === node);
  }

  through(node) {
    const own = this.within(node);
    if (!own.length) return [];
    return this.lines.slice(Math.max(0, this.lines.indexOf(own[0]) - 1), this.lines.indexOf(own.at(-1)) + 2);
  }

  nameOf(line) {
    return !line ? '' : line.node ? `${line.node} ${line.name}` : line.name;
  }
}
