// The position of each node. d3-force pulls linked nodes together and pushes the
// others apart; a part of a split mesh moves to its own place.

// The d3 files are classic scripts: each adds to globalThis.d3, in this order.
import "./vendor/d3-dispatch.min.js";
import "./vendor/d3-quadtree.min.js";
import "./vendor/d3-timer.min.js";
import "./vendor/d3-force.min.js";

const { forceSimulation, forceLink, forceManyBody, forceX, forceY, forceCollide, quadtree } = globalThis.d3;
const pull = 0.06; // of the middle, along both axes

export class Layout {
  points = new Map(); // by id: { id, x, y, node }, which outlive the graphs they stand in
  links = []; // { source, target, link }, from point to point
  held = null; // the point that is dragged
  #shape = "";
  #near = null;
  #links = forceLink().id((p) => p.id).distance(46);
  #x = forceX((p) => p.home.x);
  #y = forceY((p) => p.home.y);
  #force = forceSimulation().stop().velocityDecay(0.45).alphaDecay(0.03)
    .force("links", this.#links).force("apart", forceManyBody().strength(-170))
    .force("room", forceCollide(14)).force("x", this.#x).force("y", this.#y);

  // update takes a new graph and reports whether its nodes, links or parts are other ones.
  // aspect is the width of the room by its height.
  update(graph, aspect) {
    const homes = places(graph, aspect);
    let fresh = 0;
    for (const node of graph.nodes.values()) {
      if (!this.points.has(node.id)) fresh++;
      const point = this.points.get(node.id) ?? this.#enter(node);
      point.node = node;
      // A silent node is in no part and stays where it was.
      point.home = homes[node.part] ?? ((graph.isSplit && point.home) || homes[0]);
    }
    for (const id of this.points.keys()) if (!graph.nodes.has(id)) this.points.delete(id);
    this.links = [...graph.links.values()]
      .map((link) => ({ source: this.points.get(link.a.id), target: this.points.get(link.b.id), link }));
    this.#near = null;
    const shape = [...graph.links.keys(), ...[...graph.nodes.values()].map((n) => n.id + n.part), aspect].join();
    if (shape === this.#shape) return false;
    this.#shape = shape;
    this.#x.strength(pull / aspect); // wide where the room is wide
    this.#y.strength(pull * aspect);
    this.#force.nodes([...this.points.values()]);
    this.#links.links(this.links);
    this.#force.alpha(fresh > this.points.size / 2 ? 1 : Math.max(this.#force.alpha(), 0.3));
    return true;
  }

  // #enter puts a new node next to a placed neighbour, if there is one.
  // The angle is not random: the same mesh looks the same.
  #enter(node) {
    const beside = node.links.flatMap((l) => [this.points.get(l.a.id), this.points.get(l.b.id)]).find((p) => p?.x);
    const angle = parseInt(node.id.slice(0, 4), 16);
    const at = beside && { x: beside.x + 20 * Math.cos(angle), y: beside.y + 20 * Math.sin(angle) };
    const point = { id: node.id, ...at };
    this.points.set(node.id, point);
    return point;
  }

  get isMoving() { return this.#force.alpha() > this.#force.alphaMin() || this.held !== null; }

  // tick moves everything for about ms milliseconds, one step at least.
  tick(ms) {
    const end = performance.now() + ms;
    do this.#force.tick(); while (this.isMoving && performance.now() < end);
    this.#near = null;
  }

  // hold pins a point to where the pointer is, and the others move away; without at it releases the point.
  hold(point, at) {
    this.held = at ? point : null;
    Object.assign(point, { fx: at?.x ?? null, fy: at?.y ?? null });
    this.#force.alphaTarget(at ? 0.12 : 0);
  }

  // find returns the point nearest to (x, y), at most radius away.
  find(x, y, radius) {
    this.#near ??= quadtree([...this.points.values()], (p) => p.x, (p) => p.y);
    return this.#near.find(x, y, radius);
  }
}

// places lays the parts around a circle, each with room for its size: two of them
// side by side, or one above the other where the room is high.
function places({ isSplit, mesh }, aspect) {
  if (!isSplit) return [{ x: 0, y: 0 }];
  const sizes = mesh.parts.map((ids) => 42 * Math.sqrt(ids.length) + 50); // across, by eye
  const total = sizes.reduce((a, b) => a + b);
  let passed = aspect > 1 ? -sizes[0] / 2 - total / 2 : -sizes[0] / 2 - total / 4;
  return sizes.map((size) => {
    const angle = ((passed + size / 2) / total) * 2 * Math.PI;
    passed += size;
    return { x: (total / 4) * Math.cos(angle), y: (total / 4) * Math.sin(angle) };
  });
}
