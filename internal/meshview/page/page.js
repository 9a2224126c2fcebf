// The page: it passes the server's data to the graph, the lists and the texts.

import { $, el, keep, nameOf, put } from "./dom.js";
import { offer } from "./forms.js";
import { Graph } from "./graph.js";
import { build } from "./mesh.js";
import { describe, nodeList, showDetails } from "./nodes.js";
import { steer } from "./pointer.js";
import { listen } from "./stream.js";
import { byRemedy, bytes, clock, count, many, short, span, verdict } from "./words.js";

const healedFor = 30; // seconds for which a heal is shown at the top
const eventsKept = 60; // in the list

const graph = new Graph($("graph"));
const showList = nodeList(select);
let now = null; // the graph of the last picture
let lostFor = null; // seconds without an answer from the server
let parted = null; // when the mesh came apart, by the server's clock in seconds
let healed = null; // from the server
let started = 0; // when the server's clock was zero, in ms

function onMesh(mesh) {
  started = Date.now() - mesh.at * 1000;
  lostFor = null;
  if (mesh.at < now?.mesh.at) [parted, healed] = [null, null]; // another server
  if (mesh.healed !== undefined) healed = mesh.healed;
  else if (mesh.parts.length > 1) parted ??= mesh.at;
  else if (parted !== null && mesh.parts.length) [healed, parted] = [{ after: mesh.at - parted, at: mesh.at }, null];
  if (parted !== null || mesh.at > healed?.at + healedFor) healed = null;
  now = build(mesh);
  if (!now.nodes.has(graph.selected)) graph.selected = null;
  graph.update(now);
  offer(mesh);
  show();
}

// show updates the texts.
function show() {
  const mesh = now?.mesh;
  const said = verdict({ mesh, lostFor, healed });
  document.body.classList.toggle("lost", lostFor !== null);
  put($("server"), lostFor === null ? "live" : `lost ${span(Math.floor(lostFor))} ago`, lostFor === null ? "live" : "lost");
  put($("headline"), said.headline);
  put($("more"), said.more);
  $("verdict").className = said.level;
  document.title = `${said.level === "ok" ? "" : "! "}${said.headline} · smokesignal`;
  say(said);
  if (!mesh) return;
  put($("whose"), mesh.source === "simulation" ? "a simulation" : `${short(mesh.self)} ${now.nodes.get(mesh.self)?.data.addr ?? ""}`);
  showFigures(mesh);
  keep($("problems"), byRemedy(said.problems), JSON.stringify, ({ todo, list }) => el("li", {},
    ...list.map((p) => el("div", { className: "said" }, ...(p.node ? [nameOf(p.node, now, select), ": "] : []), p.text)),
    el("div", { className: "do said", textContent: todo })));
  keep($("notices"), mesh.notices.toReversed(), JSON.stringify, (n) => el("li", {},
    el("time", { textContent: clock(started + n.at * 1000) }), el("span", { className: "text said", textContent: n.text })));
  showSelected();
}

// say announces changes of state to screen readers, but not every figure.
let toldOf = "";
function say({ level, headline }) {
  const turn = headline.replace(/[\d.,]+/g, "");
  if (turn === toldOf) return;
  toldOf = turn;
  put($("alarm"), level === "bad" ? headline : "");
  put($("say"), level === "bad" ? "" : headline);
}

function showFigures(mesh) {
  const silent = mesh.nodes.filter((n) => n.silent).length;
  put($("count-nodes"), count(mesh.nodes.length - silent));
  put($("word-nodes"), silent ? `nodes, ${count(silent)} silent` : "nodes", silent ? "bad-text" : "");
  put($("count-parts"), count(mesh.parts.length), now.isSplit ? "bad-text" : "");
  put($("word-parts"), mesh.parts.length === 1 ? "part" : "parts");
  put($("count-links"), count([...now.links.values()].filter((l) => !l.lost).length));
  put($("count-rate"), mesh.rate?.toFixed(1) ?? "–");
  const partial = [!mesh.complete && "this picture is not complete yet",
    now.unheard && `${many(now.unheard, "link leads", "links lead")} to nodes not heard of`].filter(Boolean);
  put($("partial"), partial.join("; "));
}

function showSelected() {
  showList(now, graph.selected);
  showDetails(now, now.nodes.get(graph.selected) ?? now.nodes.get(now.mesh.self), select);
}

function select(id) {
  const node = now?.nodes.get(id);
  if (id && !node) return;
  graph.selected = id;
  graph.ask();
  if (now) showSelected();
  if (node) put($("say"), describe(node, now));
}

function onEvent(e) {
  graph.pulse(e.origin);
  if ($("hold").ariaPressed === "true") return;
  const skipped = e.skipped ? `, after ${count(e.skipped)} not shown` : "";
  $("events").prepend(el("li", {},
    el("time", { textContent: clock(started + e.at * 1000) }), el("b", { className: "said", textContent: e.name }),
    el("span", { className: "faint" }, "from ", nameOf(e.origin, now, select),
      ` no. ${count(e.seq)}, ${bytes(e.size)}${skipped}`),
    el("span", { className: "text said", textContent: e.text })));
  while ($("events").children.length > eventsKept) $("events").lastChild.remove();
}

// point shows what is under the pointer, on the side of it where there is room.
function point(what, x, y) {
  const tip = $("tip");
  tip.hidden = !what;
  if (!what) return;
  put(tip, describe(what, now));
  const beside = (at, size, room) => (at + 16 + size > room ? Math.max(0, at - 12 - size) : at + 16);
  tip.style.translate = `${beside(x, tip.offsetWidth, graph.size.w)}px ${beside(y, tip.offsetHeight, graph.size.h)}px`;
}

steer(graph, { select, point });
$("zoom-in").addEventListener("click", () => graph.zoom(1.3));
$("zoom-out").addEventListener("click", () => graph.zoom(1 / 1.3));
$("fit").addEventListener("click", () => graph.fit());
$("hold").addEventListener("click", () => { $("hold").ariaPressed = $("hold").ariaPressed !== "true"; });
listen({ mesh: onMesh, event: onEvent, lost(seconds) { lostFor = seconds; show(); } });

// For tests: what the last frame drew, what is selected, where a node stands on the page.
window.smokesignal = Object.freeze({
  drawn: () => structuredClone(graph.drawn),
  selected: () => graph.selected,
  at(id) {
    const { x, y } = graph.toScreen(graph.layout.points.get(id));
    const box = graph.canvas.getBoundingClientRect();
    return { x: box.x + x, y: box.y + y };
  },
});
