// Many texts: pasted lines or a file, classified in parts; what they feel together, and a download.

import { ask } from "./asking.js";
import { bars, counted } from "./bars.js";
import { $, count, h, percent, spoken } from "./dom.js";
import { classFace, colour, face, faced, model } from "./labels.js";
import { column, columnsOf, read } from "./tables.js";
import { download } from "./download.js";

const PART = 250;
const PART_CHARACTERS = 400_000;
const ROWS = 200;

let options = () => ({});
let table = null; // what a file held: {header, rows}
let results = [];
let running = null;

export function enter(optionsNow) {
  options = optionsNow;
  $("lines").oninput = () => {
    table = null;
    $("column-choice").hidden = true;
  };
  $("file").onchange = () => $("file").files[0] && open($("file").files[0]);
  const drop = $("drop");
  drop.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.ondragleave = () => drop.classList.remove("over");
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
  };
  $("classify").onclick = classify;
  $("stop").onclick = () => running?.abort();
  $("column").onchange = fill;
  $("save-csv").onclick = () => download("emotions.csv", results);
  $("save-ndjson").onclick = () => download("emotions.ndjson", results);
}

async function open(file) {
  try {
    table = read(file.name, await file.text());
  } catch (error) {
    table = null;
    $("progress").textContent = error.message;
    return;
  }
  $("column").replaceChildren(...columnsOf(table).map((name, place) => h("option", { value: place }, name)));
  $("column").value = column(table);
  $("column-choice").hidden = columnsOf(table).length < 2;
  fill();
}

/** Shows the first texts of a file; all of them stay in `table`. */
function fill() {
  const texts = textsOf();
  const shown = texts.slice(0, 500).join("\n");
  $("lines").value = shown.length > 100_000 ? `${shown.slice(0, 100_000)} …` : shown;
  $("progress").textContent = `${count(texts.length)} texts`;
}

function textsOf() {
  if (table) return table.rows.map((row) => String(row[Number($("column").value)] ?? "")).filter((one) => one.trim());
  return $("lines").value.split("\n").filter((one) => one.trim());
}

function* parts(texts) {
  const most = Math.min(PART, model.texts);
  let part = [], size = 0;
  for (const text of texts) {
    if (part.length && (part.length >= most || size + text.length > PART_CHARACTERS)) {
      yield part;
      [part, size] = [[], 0];
    }
    part.push(text);
    size += text.length;
  }
  if (part.length) yield part;
}

async function classify() {
  const texts = textsOf();
  if (!texts.length) {
    $("progress").textContent = "There is no text yet.";
    return;
  }
  running = new AbortController();
  results = [];
  busy(true);
  const began = performance.now();
  try {
    for (const part of parts(texts)) {
      results.push(...(await patiently(part, running.signal)));
      $("done").value = results.length / texts.length;
      $("progress").textContent = `${count(results.length)} of ${count(texts.length)}`;
      show();
    }
    $("progress").textContent = `${count(texts.length)} texts in ${((performance.now() - began) / 1000).toFixed(1)} s`;
  } catch (error) {
    const stopped = error.name === "AbortError" ? "stopped" : error.message;
    $("progress").textContent = `${stopped}: ${count(results.length)} of ${count(texts.length)} texts done`;
  } finally {
    busy(false);
  }
}

/** Asks about one part; where the server says "not now", again when it says. */
async function patiently(texts, signal) {
  for (;;) {
    try {
      const answer = await ask("v1/classify", { body: { texts, ...options() }, signal });
      return answer.results.map((one, place) => ({ text: texts[place], ...one }));
    } catch (error) {
      if (error.status !== 429) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfter || 1)));
      signal.throwIfAborted();
    }
  }
}

function busy(yes) {
  $("stop").hidden = $("done").hidden = !yes;
  $("classify").disabled = yes;
}

const tally = (keys) => {
  const counts = {};
  for (const key of keys) if (key) counts[key] = (counts[key] ?? 0) + 1;
  return counts;
};

function show() {
  $("batch-sum").hidden = $("table").hidden = !results.length;
  const share = (n) => `${count(n)} · ${percent(n / results.length)}`;
  const described = (faceOf) => (key) => ({ name: spoken(key), face: faceOf(key), colour: colour(key) });
  const shown = (host, keys, faceOf) => bars($(host), counted(tally(keys), described(faceOf), { most: 28, show: share }));
  shown("batch-emotions", results.map((one) => one.primary), face);
  shown("batch-polarity", results.map((one) => one.polarity.label), () => "");
  shown("batch-classes", results.map((one) => one.comment_class), classFace);
  rows();
}

function rows() {
  const have = $("rows").children.length;
  if (have > results.length || have === 0 || results.length <= ROWS) $("rows").replaceChildren();
  for (const one of results.slice($("rows").children.length, ROWS)) $("rows").append(row(one));
  $("rows-note").textContent = results.length > ROWS ? `the first ${ROWS}; the downloads have all` : "";
}

const row = (one) => h("tr", {},
  h("td", { dir: "auto" }, one.text.length > 300 ? `${one.text.slice(0, 300)}…` : one.text),
  h("td", {}, one.emotions.map((e) => faced(e.label)).join(", ") || one.abstained || "–"),
  h("td", {}, one.polarity.label ?? "–"),
  h("td", {}, one.comment_class ? spoken(one.comment_class) : "–"));
