// The connection to the server, open as long as the page.

const silence = 5000; // ms without a picture of the mesh; the server sends two a second
const dead = 20000; // ms after which a connection that seems open is restarted
const again = 3000; // ms between attempts, if the browser does not retry by itself

// listen calls on.mesh and on.event with what the server sends, and on.lost with
// the seconds since its last message, once a second while it is silent.
export function listen(on) {
  let source;
  let opened = 0;
  let heard = performance.now();
  let lost = false;

  function open() {
    source?.close();
    opened = performance.now();
    source = new EventSource("api/stream");
    source.addEventListener("mesh", ({ data }) => {
      on.mesh(JSON.parse(data));
      heard = performance.now();
      lost = false;
    });
    source.addEventListener("event", ({ data }) => on.event(JSON.parse(data)));
    source.addEventListener("error", () => { lost = true; look(); });
  }

  function look() {
    const now = performance.now();
    if (!lost && now - heard < silence) return;
    on.lost((now - heard) / 1000);
    const wait = { [EventSource.CLOSED]: again, [EventSource.OPEN]: dead }[source.readyState] ?? Infinity;
    if (now - Math.max(heard, opened) > wait) open();
  }

  open();
  setInterval(look, 1000);
}
