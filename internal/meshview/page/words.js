// Figures and states of the mesh as text. Pure functions of the server's data.

export const short = (id) => id.slice(0, 8);
export const count = (n) => n.toLocaleString("en");
export const many = (n, one, more = `${one}s`) => `${count(n)} ${n === 1 ? one : more}`;
export const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB"); // as in logs

export function bytes(n) {
  if (n < 1000) return `${n} B`;
  return n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

// roundTrip takes seconds; 0 means not measured yet.
export function roundTrip(s) {
  if (!s) return "–";
  if (s < 0.001) return `${Math.round(s * 1e6)} µs`;
  return s < 1 ? `${(s * 1e3).toFixed(s < 0.01 ? 1 : 0)} ms` : `${s.toFixed(1)} s`;
}

export function span(s) {
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d) return `${d} d ${h} h`;
  return h ? `${h} h ${m} min` : `${m} min ${Math.floor(s % 60)} s`;
}

function split(parts) {
  const sizes = parts.map((p) => count(p.length));
  const last = sizes.length > 4 ? `${sizes.splice(3).length} smaller ones` : `${sizes.pop()} nodes`;
  return `The mesh is in ${parts.length} parts: ${sizes.join(", ")} and ${last}`;
}

// cost formats the cost of a partition so far.
function cost({ late, lost, losers }) {
  let text = "";
  if (late >= 0) text += ` ${many(late, "event")} arrived late at this node, ${lost ? `which lost ${count(lost)}` : "which lost none"}.`;
  if (losers > 0) text += ` ${many(losers, "node")} lost events.`;
  else if (losers === 0) text += " No node lost an event.";
  return text;
}

// verdict returns the state of the mesh: a headline, more about it, and other problems.
// If the server does not answer, that comes first, because all other data are old. Then
// comes a partition, then other problems. lostFor is in seconds or null. healed is
// { after: seconds, late, lost, losers } or null; figures below zero are not known.
export function verdict({ mesh, lostFor, healed }) {
  if (lostFor !== null) {
    const old = mesh ? `The data shown are ${span(lostFor)} old. ` : "";
    const more = `${old}Check that its process runs and can be reached. This page reconnects by itself.`;
    return { level: "bad", headline: "No answer from the server", more, problems: [] };
  }
  if (!mesh?.nodes.length) return { level: "wait", headline: "Waiting for the first picture of the mesh", more: "", problems: [] };
  if (mesh.parts.length > 1) {
    // The server also reports this as a problem, with a shorter headline.
    const isSplit = (p) => p.text.startsWith(`The mesh is in ${mesh.parts.length} parts`);
    const problems = mesh.problems.filter((p) => !isSplit(p));
    const more = `Events do not pass between them. ${mesh.problems.find(isSplit)?.do ?? ""}`;
    return { level: "bad", headline: split(mesh.parts), more, problems };
  }
  if (mesh.problems.length) {
    const [first, ...problems] = mesh.problems;
    if (!first.node) return { level: "warn", headline: first.text, more: first.do, problems };
    const headline = many(mesh.problems.length, "problem needs attention", "problems need attention");
    return { level: "warn", headline, more: "", problems: mesh.problems };
  }
  const whole = `${many(mesh.nodes.length, "node")}, one mesh`;
  if (!healed && mesh.settling) {
    return { level: "wait", headline: `Whole again: ${whole}`, more: "Nodes reconnect to each other and to their seeds within some seconds.", problems: [] };
  }
  if (!healed) return { level: "ok", headline: `All is well: ${whole}`, more: "", problems: [] };
  return { level: "ok", headline: `Healed: ${whole}`, more: `It was partitioned for ${span(healed.after)}.${cost(healed)}`, problems: [] };
}

// byRemedy groups the problems by the advice for them.
export function byRemedy(problems) {
  const groups = new Map();
  for (const p of problems) groups.set(p.do, [...(groups.get(p.do) ?? []), p]);
  return [...groups].map(([todo, list]) => ({ todo, list }));
}
