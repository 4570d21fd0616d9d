// Axis puts times on a line of 0 to 100. A packet takes microseconds and people talk for minutes: folded, the time in which
// nothing begins or ends takes little room, however long it was.
export class Axis {
  #points; // [time, x], ascending

  constructor(trace, folded) {
    const times = [...new Set(trace.spans.flatMap(s => [s.start, s.end]))].sort((a, b) => a - b);
    const fold = folded ? busy(trace) : Infinity;
    let x = 0;
    this.#points = times.map((t, i) => {
      const gap = i ? t - times[i - 1] : 0;
      x += gap <= fold ? gap : fold * (1 + Math.log10(gap / fold) / 3);
      return [t, x];
    });
    for (const p of this.#points) p[1] *= 100 / (x || 1);
    this.start = trace.start;
    this.folded = folded;
  }

  x(time) {
    const p = this.#points;
    if (time <= p[0][0]) return 0;
    const i = p.findIndex(([t]) => t >= time);
    if (i < 0) return 100;
    const [[t0, x0], [t1, x1]] = [p[i - 1], p[i]];
    return x0 + (x1 - x0) * (time - t0) / (t1 - t0);
  }

  // ticks are times to write above the line, not too near to one another.
  ticks() {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    const all = this.folded ? this.#points : [0, 1, 2, 3, 4].map(n => {
      const t = first[0] + (last[0] - first[0]) * n / 5;
      return [t, this.x(t)];
    });
    const kept = [];
    for (const [at, x] of all) if ((!kept.length || x - kept.at(-1).x > 14) && x < 88) kept.push({ at, x });
    return kept;
  }
}

// busy is how long a packet takes, in microseconds: the middle one of all.
function busy(trace) {
  const all = trace.spans.map(s => s.duration).filter(d => d > 0).sort((a, b) => a - b);
  return Math.max(20, all[all.length >> 1] ?? 0);
}
