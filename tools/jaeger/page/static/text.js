// el makes an element. Text is never read as markup: what stands in a span was written by strangers.
export function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'style') e.style.cssText = value;
    else if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else e.setAttribute(key, value === true ? '' : value);
  }
  e.append(...children.flat().filter(c => c !== undefined && c !== null && c !== false));
  return e;
}

// duration is a time in microseconds with three digits and a unit.
export function duration(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1e3).toPrecision(3)} ms`;
  if (us < 1e8) return `${(us / 1e6).toPrecision(3)} s`;
  const s = Math.round(us / 1e6);
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
}

// after is a time in microseconds since the beginning, as a column of times has it.
export const after = us => `+${(us / 1e6).toFixed(us < 1e7 ? 4 : 3)} s`;

// clock is when it was, in the browser's time zone.
export function clock(us) {
  const d = new Date(us / 1000);
  const two = n => String(n).padStart(2, '0');
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const ms = String(Math.floor(us / 1000) % 1000).padStart(3, '0');
  return `${day} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${ms}`;
}

export const plural = (n, one, many = one + 's') => `${n} ${n === 1 ? one : many}`;

// arrowKeys lets up and down walk through the buttons of a list.
export function arrowKeys(list, selector) {
  list.addEventListener('keydown', e => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    const all = [...list.querySelectorAll(selector)].filter(b => b.offsetParent !== null);
    const next = all[all.indexOf(document.activeElement) + step];
    if (next) {
      e.preventDefault();
      next.focus();
    }
  });
}
