// The graph on its canvas: what is drawn, and how. It draws only while something
// changes. A place on the screen is (x, y) * k + offset, in CSS pixels.

import { Layout } from "./layout.js";
import { letter, tree } from "./mesh.js";
import { many } from "./words.js";

const hop = 170; // ms per link of an event on the page: much slower than in reality, to be visible
const lit = 900; // ms for which the origin of an event is highlighted
const still = matchMedia("(prefers-reduced-motion: reduce)");

// pace sorts a link by its round trip in seconds: 0 calm … 3 slow.
const pace = (s) => (s > 0.15 ? 3 : s > 0.05 ? 2 : s > 0.01 ? 1 : 0);

export class Graph {
  layout = new Layout();
  view = { k: 1, x: 0, y: 0 };
  isFitting = true; // until the user moves the view
  hovered = null; // ids
  selected = null;
  drawn = { nodes: [], links: [], silent: [], parts: 0 }; // by the last frame
  #waves = []; // events on their way
  #asked = false;
  #colours = {};

  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.style = getComputedStyle(document.documentElement); // follows dark and light
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.ask());
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  #resize() {
    const { clientWidth: w, clientHeight: h } = this.canvas;
    this.dots = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: Math.round(w * this.dots), height: Math.round(h * this.dots) });
    this.size = { w, h };
    if (this.graph) this.update(this.graph);
  }

  update(graph) {
    this.graph = graph;
    if (!this.size?.h) return;
    const first = !this.layout.points.size;
    const changed = this.layout.update(graph, Math.round(4 * this.size.w / this.size.h) / 4);
    // The first layout is computed before it is shown; with reduced motion, every one is.
    if (changed && (first || still.matches)) this.layout.tick(300);
    this.ask();
  }

  // pulse shows an event on its way from its origin; if there are too many, only the origin.
  pulse(origin) {
    if (document.hidden || !this.graph?.nodes.has(origin)) return;
    const free = this.#waves.filter((w) => w.steps.length).length < (this.graph.nodes.size > 300 ? 2 : 6);
    const steps = free && !still.matches ? tree(this.graph, origin) : [];
    this.#waves = this.#waves.filter((w) => w.origin !== origin || w.steps.length);
    this.#waves.push({ origin, steps, start: performance.now(), lasts: lit + hop * (steps.at(-1)?.[2] ?? 0) });
    this.ask();
  }

  toScreen({ x, y }) { return { x: x * this.view.k + this.view.x, y: y * this.view.k + this.view.y }; }
  toWorld(x, y) { return { x: (x - this.view.x) / this.view.k, y: (y - this.view.y) / this.view.k }; }

  // radius of a node on the screen: more links, larger; smaller from afar, but never lost.
  radius(p) { return (4 + 1.5 * Math.sqrt(p.node.links.length)) * Math.min(1.3, Math.max(0.34, this.view.k ** 0.7)); }

  pan(dx, dy) { this.#look(this.view.k, this.view.x + dx, this.view.y + dy); }
  fit() { this.isFitting = true; this.ask(); }
  zoom(factor, x = this.size.w / 2, y = this.size.h / 2) {
    const k = Math.min(6, Math.max(0.05, this.view.k * factor));
    const at = this.toWorld(x, y);
    this.#look(k, x - at.x * k, y - at.y * k);
  }

  #look(k, x, y) {
    this.view = { k, x, y };
    this.isFitting = false;
    this.ask();
  }

  // #fit makes all of it seen, with room for labels.
  #fit() {
    const { w, h } = this.size;
    const [xs, ys] = ["x", "y"].map((c) => [...this.layout.points.values()].map((p) => p[c]));
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const k = Math.min(1.9, (w - 90) / (right - left + 1), (h - 100) / (bottom - top + 1));
    this.view = { k, x: w / 2 - (k * (left + right)) / 2, y: h / 2 - (k * (top + bottom)) / 2 };
  }

  // ask requests one frame, however often it is called.
  ask() {
    if (this.#asked || !this.graph || !this.size?.h) return;
    this.#asked = true;
    requestAnimationFrame((now) => {
      this.#asked = false;
      const moves = this.layout.isMoving && (!still.matches || this.layout.held);
      if (moves) this.layout.tick(6);
      if (this.isFitting && this.layout.points.size && !this.layout.held) this.#fit();
      this.#waves = this.#waves.filter((w) => now < w.start + w.lasts);
      this.#draw(now);
      if (moves || this.#waves.length) this.ask();
    });
  }

  #draw(now) {
    const { pen, size, layout } = this;
    this.#colours = {};
    pen.setTransform(this.dots, 0, 0, this.dots, 0, 0);
    pen.clearRect(0, 0, size.w, size.h);
    this.drawn = { nodes: [], links: [], silent: [], parts: this.graph.mesh.parts.length };
    for (const p of layout.points.values()) p.at = this.toScreen(p);
    this.#drawLinks();
    for (const wave of this.#waves) this.#drawWave(wave, Math.max(0, now - wave.start)); // a frame's now may be older
    for (const p of layout.points.values()) this.#drawNode(p);
    this.#drawLabels([...layout.points.values()]);
  }

  // colour returns a colour of page.css. It is read once per frame, because reading is slow.
  colour(name) { return (this.#colours[name] ??= this.style.getPropertyValue(`--${name}`)); }

  #stroke(colour, width, path) {
    Object.assign(this.pen, { strokeStyle: this.colour(colour), lineWidth: width });
    if (path) this.pen.stroke(path);
    else this.pen.stroke();
  }

  #disc({ x, y }, r, colour) {
    this.pen.beginPath();
    this.pen.arc(x, y, r, 0, 2 * Math.PI);
    if (!colour) return;
    this.pen.fillStyle = this.colour(colour);
    this.pen.fill();
  }

  // #drawLinks strokes all links of one style at once, because the number of strokes determines the cost.
  #drawLinks() {
    const looks = new Map();
    const focus = this.hovered ?? this.selected;
    for (const { source, target, link } of this.layout.links) {
      const near = link.a.id === focus || link.b.id === focus;
      const key = [link.lost || pace(link.rtt), link.eager, near].join();
      if (!looks.has(key)) looks.set(key, { link, near, path: new Path2D() });
      const { path } = looks.get(key);
      path.moveTo(source.at.x, source.at.y);
      path.lineTo(target.at.x, target.at.y);
      this.drawn.links.push([link.a.id, link.b.id]);
    }
    const fine = this.layout.links.length > 600 ? 0.6 : 1;
    for (const { link, near, path } of looks.values()) {
      const calm = link.eager || near ? "link" : "spare";
      this.pen.setLineDash(link.lost ? [5, 4] : link.eager ? [] : [2, 4]);
      this.#stroke(link.lost ? "bad" : pace(link.rtt) ? `rtt${pace(link.rtt)}` : calm,
        (link.eager ? 2.2 : 1) * fine * (near ? 1.5 : 1), path);
    }
    this.pen.setLineDash([]);
    for (const l of this.layout.links) if (l.link.lag) this.#drawLag(l);
  }

  // #drawLag puts a bead near each end that has bytes for the other one: more bytes, larger.
  #drawLag({ source, target, link }) {
    for (const [from, to] of [[source, target], [target, source]]) {
      const lag = link.ends[from.id]?.lag;
      const at = { x: from.at.x * 0.64 + to.at.x * 0.36, y: from.at.y * 0.64 + to.at.y * 0.36 };
      if (lag) this.#disc(at, Math.min(8, 1.5 + Math.log10(lag)), "warn");
    }
  }

  // #drawWave rings the origin, and has each link glow behind the event, then fade.
  #drawWave({ origin, steps }, age) {
    const { pen, layout } = this;
    const from = layout.points.get(origin);
    if (from && age < lit) {
      pen.globalAlpha = still.matches ? 1 : 1 - age / lit;
      this.#disc(from.at, this.radius(from) + (still.matches ? 6 : 3 + age / 45));
      this.#stroke("ember", 2.5);
    }
    for (const [a, b, hops] of steps) {
      const [p, q] = [layout.points.get(a)?.at, layout.points.get(b)?.at];
      const share = age / hop - hops;
      if (!p || !q || share < 0 || share > 2.5) continue;
      const head = Math.min(1, share);
      pen.globalAlpha = Math.min(1, (2.5 - share) / 1.5);
      pen.beginPath();
      pen.moveTo(p.x, p.y);
      pen.lineTo(p.x + (q.x - p.x) * head, p.y + (q.y - p.y) * head);
      this.#stroke("ember", 2.4);
    }
    pen.globalAlpha = 1;
  }

  #drawNode(p) {
    const { node, at } = p;
    const r = this.radius(p);
    const part = this.graph.isSplit && node.part >= 0;
    this.#disc(at, r + 1.5, "panel"); // keeps links apart from the node
    this.#disc(at, r, node.data.silent ? "panel" : part ? `part${node.part % 6}` : "node");
    if (node.data.silent) {
      this.pen.setLineDash([3, 2.5]);
      this.#stroke("silent", 1.8);
      this.pen.setLineDash([]);
      this.drawn.silent.push(node.id);
    }
    if (node.isSelf) { this.#disc(at, r + 3.5); this.#stroke("text", 1.6); }
    if (node.id === this.selected || node.id === this.hovered) {
      this.#disc(at, r + (node.isSelf ? 7 : 4));
      this.#stroke("accent", node.id === this.selected ? 2.6 : 1.4);
    }
    this.drawn.nodes.push(node.id);
  }

  // #drawLabels names the parts and, where there is room, the nodes; the most important first.
  #drawLabels(points) {
    const rank = (p) => [p.id === this.hovered, p.id === this.selected, p.node.isSelf, p.node.data.silent, true].indexOf(true);
    const named = points.filter((p) => points.length <= 40 || this.view.k > 1.5 || rank(p) < 3);
    const taken = named.map((p) => ({ ...p.at, wide: this.radius(p), high: this.radius(p) }));
    Object.assign(this.pen, { textAlign: "center", textBaseline: "middle", lineJoin: "round", font: "600 13px system-ui, sans-serif" });
    this.graph.mesh.parts.forEach((ids, i) => {
      const ats = points.filter((p) => p.node.part === i).map((p) => p.at);
      if (!this.graph.isSplit || !ats.length) return;
      const x = ats.reduce((sum, at) => sum + at.x, 0) / ats.length;
      const y = Math.max(14, Math.min(...ats.map((at) => at.y)) - 26);
      this.#write(`${letter(i)} · ${many(ids.length, "node")}`, { x, y }, 0, `part${i % 6}`, taken);
    });
    this.pen.font = "11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace";
    for (const p of named.sort((a, b) => rank(a) - rank(b))) {
      const away = this.radius(p) + (p.node.isSelf ? 13 : 10);
      const text = p.node.isSelf ? `${p.node.label} (this node)` : p.node.label;
      this.#write(text, p.at, away, rank(p) < 3 ? "text" : "muted", taken);
    }
  }

  // #write writes a text where it covers nothing: below a place, above, next to it, or not at all.
  #write(text, { x, y }, away, colour, taken) {
    const { pen } = this;
    const wide = pen.measureText(text).width / 2 + 2;
    const spots = [[0, away], [0, -away], [away + wide, 0], [-away - wide, 0]].map(([dx, dy]) => ({ x: x + dx, y: y + dy }));
    const spot = spots.find((s) => !taken.some((t) => Math.abs(t.x - s.x) < t.wide + wide && Math.abs(t.y - s.y) < t.high + 6));
    if (!spot) return;
    taken.push({ ...spot, wide, high: 6 });
    Object.assign(pen, { lineWidth: 3.5, strokeStyle: this.colour("panel"), fillStyle: this.colour(colour) });
    pen.strokeText(text, spot.x, spot.y); // a halo, so that it is read over links
    pen.fillText(text, spot.x, spot.y);
  }

  // pointAt and linkAt return the point or link at a screen position, or nothing.
  pointAt(x, y, reach) {
    const at = this.toWorld(x, y);
    return this.layout.find(at.x, at.y, reach / this.view.k);
  }

  linkAt(x, y) {
    return this.layout.links.find(({ source: { at: p }, target: { at: q } }) => {
      if (!p || !q) return false; // not drawn yet
      const [dx, dy] = [q.x - p.x, q.y - p.y];
      const t = Math.max(0, Math.min(1, ((x - p.x) * dx + (y - p.y) * dy) / (dx * dx + dy * dy || 1)));
      return Math.hypot(p.x + t * dx - x, p.y + t * dy - y) < 5;
    })?.link;
  }

  // neighbour returns the point that lies nearest in the direction (dx, dy) from the
  // selected node: what lies aside counts as farther than it is.
  neighbour(dx, dy) {
    const from = this.layout.points.get(this.selected);
    const points = [...this.layout.points.values()];
    if (!from) return points.find((p) => p.node.isSelf) ?? points[0];
    const far = (p) => {
      const along = (p.x - from.x) * dx + (p.y - from.y) * dy;
      const aside = Math.abs((p.x - from.x) * dy - (p.y - from.y) * dx);
      return along > 0 && aside <= 2 * along ? along + 2 * aside : Infinity;
    };
    return points.filter((p) => far(p) < Infinity).sort((a, b) => far(a) - far(b))[0];
  }
}
