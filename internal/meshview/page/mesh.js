// The graph of the nodes' reports: undirected links, names to show, parts.

// build makes a graph from the server's JSON. A node is { id, data (its JSON),
// links, part (its number, -1 for none), label, isSelf }. Both ends report a link
// and may differ: it is as slow as the slower end finds it, and part of the tree
// if one end sends events on it at once.
export function build(mesh) {
  const nodes = new Map(mesh.nodes.map((data) => [data.id,
    { id: data.id, data, links: [], part: -1, isSelf: data.id === mesh.self }]));
  const links = new Map();
  let unheard = 0; // links to nodes that have not reported
  for (const a of nodes.values()) {
    for (const end of a.data.links) {
      const b = nodes.get(end.peer);
      if (!b) { unheard++; continue; }
      const key = a.id < b.id ? a.id + b.id : b.id + a.id;
      let link = links.get(key);
      if (!link) {
        link = { key, a, b, rtt: 0, eager: false, lag: 0, lost: a.data.silent || b.data.silent, ends: {} };
        links.set(key, link);
        a.links.push(link);
        b.links.push(link);
      }
      link.ends[a.id] = end;
      link.rtt = Math.max(link.rtt, end.rtt);
      link.lag = Math.max(link.lag, end.lag);
      link.eager ||= end.eager;
    }
  }
  mesh.parts.forEach((ids, i) => ids.forEach((id) => { if (nodes.has(id)) nodes.get(id).part = i; }));
  label([...nodes.values()]);
  return { mesh, nodes, links, unheard, isSplit: mesh.parts.length > 1 };
}

// label gives each node the part of its address that distinguishes it:
// ":7001" where all share a host, "10.0.0.7" where all share a port.
function label(nodes) {
  const halves = (addr) => [addr.slice(0, addr.lastIndexOf(":")), addr.slice(addr.lastIndexOf(":"))];
  const told = [...new Set(nodes.map((n) => n.data.addr).filter(Boolean))].map(halves);
  const same = [0, 1].map((i) => told.length > 1 && new Set(told.map((h) => h[i])).size === 1);
  for (const node of nodes) {
    const [host, port] = halves(node.data.addr);
    node.label = !node.data.addr ? node.id.slice(0, 8) : same[0] ? port : same[1] ? host : node.data.addr;
  }
}

export const other = (link, node) => (link.a === node ? link.b : link.a);
export const letter = (part) => (part < 26 ? String.fromCharCode(65 + part) : String(part + 1));

// tree is the path that an event takes from its origin, breadth first over the
// links whose sender calls them eager, as [from, to, hops before].
export function tree(graph, origin) {
  const reached = new Map([[graph.nodes.get(origin), 0]]);
  const steps = [];
  for (const [node, hops] of reached) { // which grows as it is walked
    for (const link of node.links) {
      const to = other(link, node);
      if (link.lost || !link.ends[node.id]?.eager || reached.has(to)) continue;
      reached.set(to, hops + 1);
      steps.push([node.id, to.id, hops]);
    }
  }
  return steps;
}
