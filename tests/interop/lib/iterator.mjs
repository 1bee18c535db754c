// The 4.x and 5.x clients use iterator helpers, which Node has from version 22: give them to older ones.
const prototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));
for (const name of ['some', 'every', 'find', 'filter', 'map', 'flatMap', 'forEach', 'reduce']) {
  if (prototype[name]) continue;
  const lazy = ['filter', 'map', 'flatMap'].includes(name);
  Object.defineProperty(prototype, name, {
    configurable: true, writable: true,
    value(...args) { const all = [...this][name](...args); return lazy ? all.values() : all; },
  });
}
if (!prototype.toArray) Object.defineProperty(prototype, 'toArray', { configurable: true, writable: true, value() { return [...this]; } });
