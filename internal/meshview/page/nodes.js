// The list of all nodes, with the same data as the graph (for screen readers), and the
// figures of the selected node.

import { $, el, keep, put } from "./dom.js";
import { letter, other } from "./mesh.js";
import { bytes, count, many, roundTrip, short, span } from "./words.js";

const byName = new Intl.Collator("en", { numeric: true }).compare;
const ago = (n) => (n.data.seen < 3 ? "now" : `${span(n.data.seen)} ago`); // avoids a list that flickers
const warn = (is) => (is ? "warn-text" : "");
const bad = (is) => (is ? "bad-text" : "");

// The columns next to the name: title, figure, text, look.
const columns = [
  ["links", (n) => n.data.degree, (n) => count(n.data.degree), () => ""],
  ["queued", (n) => n.data.queued, (n) => count(n.data.queued), () => ""],
  ["gaps", (n) => n.data.gaps, (n) => count(n.data.gaps), (n) => warn(n.data.gaps)],
  ["answered", (n) => n.data.seen, ago, (n) => bad(n.data.silent)],
];

const partOf = (node, { isSplit }) => (isSplit && node.part >= 0 ? node.part : null);

// tags returns as text what the colour and ring of a node show.
function tags(node, graph) {
  const part = partOf(node, graph);
  const all = [node.isSelf && "this node", node.data.silent && "silent", part !== null && `part ${letter(part)}`];
  return all.filter(Boolean).join(", ");
}

const title = (node, graph) => [node.label, tags(node, graph) && `(${tags(node, graph)})`].filter(Boolean).join(" ");

// nodeList makes the list and returns the function that shows a graph in it. It
// calls onSelect with the id of a node that was chosen.
export function nodeList(onSelect) {
  const body = $("nodes").tBodies[0];
  let graph = null;
  let selected = null;
  let [sort, down] = [null, false]; // null: by name

  const heads = [null, ...columns].map((column) => {
    const button = el("button", { type: "button", textContent: column?.[0] ?? "node" });
    const head = el("th", { scope: "col" }, button);
    button.addEventListener("click", () => {
      down = sort === column ? !down : column !== null; // of figures the largest first
      sort = column;
      fill();
    });
    return { column, head };
  });
  $("nodes").tHead.rows[0].append(...heads.map((h) => h.head));

  // Silent nodes come first, whatever the sort order.
  const order = (a, b) => b.data.silent - a.data.silent ||
    (down ? -1 : 1) * (sort ? sort[1](a) - sort[1](b) : byName(a.label, b.label)) || byName(a.label, b.label);

  function fill() {
    const wanted = $("filter").value.trim().toLowerCase();
    const nodes = [...(graph?.nodes.values() ?? [])]
      .filter((n) => n.id.startsWith(wanted) || n.data.addr.includes(wanted)).sort(order);
    for (const { column, head } of heads) {
      head.ariaSort = column === sort ? (down ? "descending" : "ascending") : null;
    }
    // Tab stops once in the list; arrows go on from there.
    const stop = nodes.find((n) => n.id === selected) ?? nodes[0];
    keep(body, nodes, (n) => n.id, makeRow, (row, n) => showRow(row, n, n === stop));
  }

  function makeRow(node) {
    const name = [el("i"), el("button", { type: "button", className: "name" }), el("span", { className: "tag" })];
    const row = el("tr", {}, el("td", {}, ...name), ...columns.map(() => el("td")));
    row.dataset.id = node.id;
    return row;
  }

  function showRow(row, node, isStop) {
    const [dot, name, tag] = row.cells[0].children;
    const part = partOf(node, graph);
    put(dot, "", `dot ${node.data.silent ? "silent" : part === null ? "" : `part${part % 6}`}`);
    put(name, node.label);
    if (name.tabIndex !== (isStop ? 0 : -1)) name.tabIndex = isStop ? 0 : -1;
    put(tag, tags(node, graph));
    columns.forEach(([, , text, look], i) => put(row.cells[i + 1], text(node), look(node)));
    if ((row.ariaCurrent === "true") !== (node.id === selected)) row.ariaCurrent = node.id === selected;
  }

  $("filter").addEventListener("input", fill);
  body.addEventListener("click", (e) => onSelect(e.target.closest("tr").dataset.id));
  body.addEventListener("keydown", (e) => {
    const rows = [...body.rows];
    const at = rows.indexOf(e.target.closest("tr"));
    const row = rows[{ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[e.key]];
    if (!row) return;
    e.preventDefault();
    onSelect(row.dataset.id);
    row.cells[0].children[1].focus();
  });

  return (newGraph, id) => {
    const moved = selected !== id;
    [graph, selected] = [newGraph, id];
    fill();
    const row = moved && [...body.rows].find((r) => r.dataset.id === id);
    const box = body.closest(".scroll"); // only this box scrolls
    if (row) box.scrollTop = Math.min(row.offsetTop - 60, Math.max(box.scrollTop, row.offsetTop + 60 - box.clientHeight));
  };
}

function figures(node, graph) {
  const d = node.data;
  const part = partOf(node, graph);
  return [
    ["address", d.addr || "not told"],
    ["up for", span(d.uptime)],
    ["answered", ago(node), bad(d.silent)],
    ["part", graph.isSplit ? (part === null ? "–" : letter(part)) : "the only one"],
    ["links", `${d.degree}, wants ${d.minPeers} to ${d.maxPeers || "any"}`, warn(d.degree < d.minPeers)],
    ["nodes it knows", count(d.known)],
    ["emitted", count(d.emitted)],
    ["delivered", count(d.delivered)],
    ["duplicates", count(d.duplicates)],
    ["gaps (lost)", count(d.gaps), warn(d.gaps)],
    ["queued for handlers", count(d.queued)],
    ["history", bytes(d.history)],
    ["seeds lost", count(d.seedsLost), warn(d.seedsLost)],
    ["refused", count(d.refused), warn(d.refused)],
    ["version", d.version || "not told"],
  ];
}

// showDetails shows one node, if there is one. It calls onSelect with the id of a peer that was chosen.
export function showDetails(graph, node, onSelect) {
  $("details").classList.toggle("none", !node);
  if (!node) return put($("details-title"), "Choose a node in the graph or in the list");
  put($("details-title"), `Node ${title(node, graph)}`);
  put($("details-id"), node.id);
  keep($("details-figures"), figures(node, graph), ([name]) => name,
    ([name]) => el("div", {}, el("dt", { textContent: name }), el("dd")),
    (row, [, text, look]) => put(row.lastChild, text, look ?? ""));
  const links = node.data.links.map((end) => ({ end, peer: graph.nodes.get(end.peer) }));
  links.sort((a, b) => byName(a.peer?.label ?? "", b.peer?.label ?? ""));
  keep($("links").tBodies[0], links, ({ end }) => end.peer, ({ end }) => {
    const button = el("button", { type: "button", className: "name" });
    button.addEventListener("click", () => onSelect(end.peer));
    return el("tr", {}, el("td", {}, button), ...Array.from({ length: 4 }, () => el("td")));
  }, ({ cells }, { end, peer }) => {
    put(cells[0].firstChild, peer?.label ?? `${short(end.peer)} (not heard)`);
    const back = peer?.data.links.find((l) => l.peer === node.id);
    put(cells[1], roundTrip(end.rtt || back?.rtt)); // one end measures
    put(cells[2], end.eager ? "tree" : "spare");
    put(cells[3], end.dialled ? "by it" : "by peer");
    put(cells[4], end.lag ? bytes(end.lag) : "–", warn(end.lag));
  });
}

// describe puts a node or a link into a few lines.
export function describe(what, graph) {
  if (what.data) {
    return `${title(what, graph)}\n${what.data.addr}\n${short(what.id)}, ${many(what.links.length, "link")}, heard ${ago(what)}`;
  }
  const lines = [`${what.a.label} – ${what.b.label}`, `${what.eager ? "tree" : "spare"}, round trip ${roundTrip(what.rtt)}`];
  if (what.lost) lines.push("as it was when one end fell silent");
  for (const node of [what.a, what.b]) {
    const lag = what.ends[node.id]?.lag;
    if (lag) lines.push(`${bytes(lag)} wait for ${other(what, node).label}`);
  }
  return lines.join("\n");
}
