// What a person can do on the page: emit, read the options, and, in a simulation,
// partition and heal.

import { $, el, keep, put } from "./dom.js";

// post shows the server's answer, or done, in output. It returns whether the server accepted.
async function post(output, url, done, body, headers) {
  put(output, "…", "");
  try {
    const answer = await fetch(url, { method: "POST", body, headers });
    const why = answer.ok ? "" : (await answer.text()).trim() || `${answer.status} ${answer.statusText}`;
    put(output, why || done, why ? "bad-text" : "");
    return answer.ok;
  } catch (err) {
    put(output, `No answer from the server: ${err.message}`, "bad-text");
    return false;
  }
}

// offer shows the actions that this server permits.
export function offer({ canEmit, controls, source }) {
  $("emit").hidden = !canEmit;
  $("options").hidden = source === "simulation"; // a simulation is not a node and has none
  $("controls").hidden = !controls.length;
  keep($("control-buttons"), controls, (name) => name, (name) => {
    const button = el("button", { type: "button", textContent: name });
    button.addEventListener("click", () => post($("control-answer"), `api/control/${name}`, ""));
    return button;
  });
}

$("emit-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const { name, text, token } = e.target.elements;
  sessionStorage.setItem("token", token.value); // gone when the tab is closed
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${token.value}` };
  const body = JSON.stringify({ name: name.value, args: [text.value] });
  if (await post($("emit-answer"), "api/emit", `Emitted ${name.value}.`, body, headers)) text.value = "";
});
$("emit-form").elements.token.value = sessionStorage.getItem("token") ?? "";

// Options do not change in the life of a node, but the next answer may come from another life.
$("options").addEventListener("toggle", async () => {
  if (!$("options").open) return;
  let options;
  try {
    const answer = await fetch("api/options");
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    ({ options } = await answer.json());
  } catch (err) {
    options = [{ name: "not known", value: err.message }];
  }
  const rows = options.flatMap((o) => [el("dt", { textContent: o.name }), el("dd", { textContent: o.value })]);
  $("option-list").replaceChildren(...rows);
});
