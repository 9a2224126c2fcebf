// Small helpers to make and keep elements. Text goes in as text, never as markup:
// peers wrote much of it.

export const $ = (id) => document.getElementById(id);

export function el(tag, props = {}, ...children) {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...children);
  return e;
}

// put sets a text only if it has changed. This avoids a new layout and keeps the
// user's selection.
export function put(element, text, className) {
  if (element.textContent !== text) element.textContent = text;
  if (className !== undefined && element.className !== className) element.className = className;
}

// keep makes the children of parent match items, in order. It makes a child once for
// each key and then only updates it, so the focus stays.
const kept = new WeakMap();
export function keep(parent, items, key, make, update) {
  const had = kept.get(parent) ?? new Map();
  const has = new Map();
  items.forEach((item, i) => {
    let k = key(item);
    while (has.has(k)) k += "'"; // the same twice
    const child = had.get(k) ?? make(item);
    has.set(k, child);
    update?.(child, item);
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  for (const [k, child] of had) if (!has.has(k)) child.remove();
  kept.set(parent, has);
}

// nameOf makes a button that selects the node that a text is about, if it is there.
export function nameOf(id, graph, onSelect) {
  const node = graph?.nodes.get(id);
  if (!node) return id.slice(0, 8);
  const button = el("button", { type: "button", className: "name", textContent: node.label });
  button.addEventListener("click", () => onSelect(id));
  return button;
}
