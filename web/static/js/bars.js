// Rows of a name, a bar and a number; where a row can be chosen it is a button.

import { h, keyed, set } from "./dom.js";

/**
 * Shows rows: `{key, name, face, colour, value, shown, note, tick, given}`; `value` from 0 to 1.
 * `pick(key)` is called for a chosen row; `chosen` is the key that is chosen now.
 */
export function bars(host, rows, { pick, chosen, empty = "nothing yet" } = {}) {
  if (!rows.length) {
    host.replaceChildren(h("li", { class: "quiet" }, empty));
    return;
  }
  keyed(host, rows, (row) => row.key, (row) => make(row, pick), (item, row) => update(item, row, pick, chosen));
}

function make(row, pick) {
  const parts = [
    h("span", { class: "face", "aria-hidden": "true" }),
    h("span", { class: "name" }),
    h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: "fill" }), h("span", { class: "tick" })),
    h("span", { class: "num" }),
  ];
  return h("li", {}, pick ? h("button", { type: "button", class: "bar toned" }, parts) : h("div", { class: "bar toned" }, parts));
}

function update(item, row, pick, chosen) {
  const bar = item.firstElementChild;
  const [face, name, track, num] = bar.children;
  face.textContent = row.face ?? "";
  face.hidden = !row.face;
  name.replaceChildren(h("bdi", {}, row.name));
  num.textContent = row.shown;
  set(bar, {
    "--c": row.colour ?? "",
    "--w": `${(100 * Math.min(1, row.value)).toFixed(2)}%`,
    title: row.note ?? row.name,
  });
  track.lastElementChild.hidden = row.tick === undefined;
  if (row.tick !== undefined) track.style.setProperty("--t", `${100 * row.tick}%`);
  bar.classList.toggle("given", Boolean(row.given));
  if (pick) {
    bar.onclick = () => pick(row.key);
    bar.setAttribute("aria-pressed", String(row.key === chosen));
  }
}

/** Rows from counts, `{key: number}`, the largest first; the longest bar is full. */
export function counted(counts, describe, { most = 8, total, show } = {}) {
  const rows = Object.entries(counts).sort((a, b) => b[1] - a[1]).slice(0, most);
  const largest = Math.max(1, ...rows.map(([, n]) => n));
  const sum = total ?? rows.reduce((all, [, n]) => all + n, 0);
  return rows.map(([key, n]) => ({
    key,
    value: n / largest,
    shown: show ? show(n, sum) : n.toLocaleString("en-GB"),
    ...describe(key),
  }));
}
