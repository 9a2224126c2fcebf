// Mouse, touch and keyboard control of the graph.

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const slip = 5; // pixels: a press that moved less is a click

// steer joins a graph with its canvas. on.select(id or null) is called for a node
// that was chosen, on.point(what, x, y) with the node or link under the pointer.
export function steer(graph, on) {
  const { canvas } = graph;
  const down = new Map(); // the pointers that are down, by id
  let held = null; // the point that is dragged
  let moved = 0; // pixels since the press
  const reach = (e) => (e.pointerType === "touch" ? 26 : 14); // of a tap and of a click
  const listen = (type, act, options) => canvas.addEventListener(type, act, options);

  // fingers returns the middle of the pointers, and how far two are apart.
  function fingers() {
    const [p, q = p] = down.values();
    return { x: (p.x + q.x) / 2, y: (p.y + q.y) / 2, apart: Math.hypot(p.x - q.x, p.y - q.y) };
  }

  function letGo() {
    if (held) graph.layout.hold(held, null);
    held = null;
  }

  listen("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    down.set(e.pointerId, { x: e.offsetX, y: e.offsetY });
    moved = down.size > 1 ? slip : 0;
    letGo();
    if (down.size === 1) held = graph.pointAt(e.offsetX, e.offsetY, reach(e));
    on.point(null);
  });

  listen("pointermove", (e) => {
    if (!down.has(e.pointerId)) return hover(e);
    const before = fingers();
    down.set(e.pointerId, { x: e.offsetX, y: e.offsetY });
    const now = fingers();
    moved += Math.hypot(now.x - before.x, now.y - before.y);
    if (moved < slip) return;
    canvas.classList.add("held");
    if (held) graph.layout.hold(held, graph.toWorld(e.offsetX, e.offsetY));
    else graph.pan(now.x - before.x, now.y - before.y);
    if (before.apart && now.apart) graph.zoom(now.apart / before.apart, now.x, now.y);
    graph.ask();
  });

  for (const type of ["pointerup", "pointercancel"]) {
    listen(type, (e) => {
      if (!down.delete(e.pointerId)) return;
      if (type === "pointerup" && moved < slip) on.select(held?.id ?? null);
      letGo();
      canvas.classList.remove("held");
    });
  }

  function hover(e) {
    const point = graph.pointAt(e.offsetX, e.offsetY, reach(e));
    if (graph.hovered !== (point?.id ?? null)) graph.ask();
    graph.hovered = point?.id ?? null;
    canvas.classList.toggle("over", !!point);
    on.point(point?.node ?? graph.linkAt(e.offsetX, e.offsetY), e.offsetX, e.offsetY);
  }

  listen("pointerleave", () => {
    graph.hovered = null;
    graph.ask();
    on.point(null);
  });

  // One finger scrolls the page, as everywhere; on a node it drags that.
  listen("touchstart", (e) => {
    const box = canvas.getBoundingClientRect();
    const { clientX: x, clientY: y } = e.touches[0];
    if (e.touches.length > 1 || graph.pointAt(x - box.x, y - box.y, 26)) e.preventDefault();
  }, { passive: false });

  listen("wheel", (e) => {
    e.preventDefault();
    const pixels = e.deltaY * (e.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1);
    graph.zoom(2 ** (-pixels * (e.ctrlKey ? 0.01 : 0.002)), e.offsetX, e.offsetY); // ctrl: a pinch on a touchpad
  }, { passive: false });

  listen("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return; // the browser's own
    const next = arrows[e.key] && graph.neighbour(...arrows[e.key]);
    if (next) on.select(next.id);
    else if (e.key === "+" || e.key === "=") graph.zoom(1.3);
    else if (e.key === "-") graph.zoom(1 / 1.3);
    else if (e.key === "0") graph.fit();
    else if (e.key === "Escape") on.select(null);
    else if (!arrows[e.key]) return;
    e.preventDefault();
  });
}
