// Which view is shown: `#/view?parameters`. The rest of the address never leaves the browser.

import { $ } from "./dom.js";
import { load, model } from "./labels.js";
import * as compare from "./compare.js";
import * as live from "./live.js";
import * as trying from "./try.js";

const VIEWS = { try: trying, live, compare }; // all loaded at once: none has to be asked for when the server is gone
const AGAIN = 3000;

let current;
let again;

function place() {
  const [, view = "try", query = ""] = /^#\/(\w+)(?:\?(.*))?$/.exec(location.hash) ?? [];
  return { view: view in VIEWS ? view : "try", parameters: new URLSearchParams(query) };
}

async function show() {
  const { view, parameters } = place();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  for (const name of Object.keys(VIEWS)) $(`view-${name}`).hidden = name !== view;
  document.title = `${view[0].toUpperCase()}${view.slice(1)} · emostream`;
  clearTimeout(again);
  try {
    await load();
  } catch (error) {
    trouble(error);
    clearTimeout(again);
    again = setTimeout(show, AGAIN);
    return;
  }
  if (place().view !== view) return; // the reader has gone on meanwhile
  if (current !== VIEWS[view]) current?.leave?.();
  current = VIEWS[view];
  $("model-name").textContent = model.models[0];
  trouble();
  current.enter(parameters);
  document.documentElement.dataset.view = view; // from now on it answers to its reader
}

/** Says what is wrong, above everything; without an error says that nothing is. */
export function trouble(error) {
  const line = $("trouble");
  line.hidden = !error;
  if (error) line.textContent = error.message;
}

const theme = $("theme");
theme.value = localStorage.getItem("theme") ?? "";
theme.onchange = () => {
  localStorage.setItem("theme", theme.value);
  dress();
};
function dress() {
  if (theme.value) document.documentElement.dataset.theme = theme.value;
  else delete document.documentElement.dataset.theme;
}
dress();
addEventListener("hashchange", show);
addEventListener("trouble", (event) => trouble(event.detail));
show();
