// Many texts: pasted lines or a file, classified in parts; what they feel together, and a download.

import { ask, waited } from "./asking.js";
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
let results = []; // {text, row, …answer}, or {text, row, problem} where there is none
let running = null;

export function prepare(optionsNow) {
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
  $("save-csv").onclick = () => download("emotions.csv", results, table);
  $("save-ndjson").onclick = () => download("emotions.ndjson", results, table);
}

/** Says that the results are of other thresholds, or of another model. */
export function outdated() {
  if (results.length && !running) $("progress").textContent = "These are results of earlier settings: classify again.";
}

async function open(file) {
  running?.abort();
  results = [];
  show();
  if (table) $("lines").value = "";
  try {
    table = read(file.name, await file.text());
  } catch (error) {
    table = null;
    $("column-choice").hidden = true;
    $("progress").textContent = error.message;
    return;
  } finally {
    $("file").value = ""; // so that the same file may be chosen again
  }
  $("column").replaceChildren(...columnsOf(table).map((name, place) => h("option", { value: place }, name)));
  $("column").value = column(table);
  $("column-choice").hidden = columnsOf(table).length < 2;
  fill();
}

/** Shows the first texts of a file; all of them stay in `table`. */
function fill() {
  const texts = asked().filter((one) => one.text.trim());
  const shown = texts.slice(0, 500).map((one) => one.text).join("\n");
  $("lines").value = shown.length > 100_000 ? `${shown.slice(0, 100_000)} …` : shown;
  $("progress").textContent = `${count(texts.length)} texts`;
}

/** Every row of a file, also one without a text; every line that is not blank. */
function asked() {
  if (!table) return $("lines").value.split("\n").filter((one) => one.trim()).map((text) => ({ text }));
  const place = Number($("column").value);
  return table.rows.map((row) => ({ row, text: String(row[place] ?? "").toWellFormed() }));
}

/** Why a text is not sent: one that the server refuses would take its whole part with it. */
function problem(text) {
  if (!text.trim()) return "no text";
  const characters = text.length > model.characters ? [...text].length : 0;
  return characters > model.characters ? `longer than ${count(model.characters)} characters` : undefined;
}

function* parts(rows) {
  const most = Math.min(PART, model.texts);
  let part = [], size = 0;
  for (const one of rows) {
    const length = one.problem ? 0 : one.text.length;
    if (part.length && (part.length >= most || size + length > PART_CHARACTERS)) {
      yield part;
      [part, size] = [[], 0];
    }
    part.push(one);
    size += length;
  }
  if (part.length) yield part;
}

async function classify() {
  const all = asked().map((one) => ({ ...one, problem: problem(one.text) }));
  if (!all.length) {
    $("progress").textContent = "There is no text yet.";
    return;
  }
  const { signal } = (running = new AbortController());
  results = [];
  busy(true);
  const began = performance.now(), settings = options(); // the same for all parts
  try {
    for (const part of parts(all)) {
      const found = await patiently(part, settings, signal);
      signal.throwIfAborted();
      results.push(...found);
      $("done").value = results.length / all.length;
      $("progress").textContent = `${count(results.length)} of ${count(all.length)}`;
      show();
    }
    const done = answered().length, left = all.length - done;
    $("progress").textContent = `${count(done)} texts in ${((performance.now() - began) / 1000).toFixed(1)} s` +
      (left ? `; ${count(left)} without an answer: the table and the downloads say why` : "");
  } catch (error) {
    const stopped = error.name === "AbortError" ? "stopped" : error.message;
    if (results.length || error.name !== "AbortError") $("progress").textContent = `${stopped}: ${count(results.length)} of ${count(all.length)} texts done`;
  } finally {
    running = null;
    busy(false);
  }
}

const answered = () => results.filter((one) => !one.problem);

/** Asks about one part; where the server says "not now", again when it says. */
async function patiently(part, settings, signal) {
  const texts = part.filter((one) => !one.problem).map((one) => one.text);
  if (!texts.length) return part;
  for (;;) {
    try {
      const answer = await ask("v1/classify", { body: { texts, ...settings }, signal });
      let place = 0;
      return part.map((one) => (one.problem ? one : { ...one, ...answer.results[place++] }));
    } catch (error) {
      if (error.status !== 429) throw error;
      await waited(1000 * (error.retryAfter || 1), signal);
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
  const told = answered();
  const share = (n) => `${count(n)} · ${percent(n / told.length)}`;
  const described = (faceOf) => (key) => ({ name: spoken(key), face: faceOf(key), colour: colour(key) });
  const shown = (host, keys, faceOf) => bars($(host), counted(tally(keys), described(faceOf), { most: 28, show: share }));
  shown("batch-emotions", told.map((one) => one.primary), face);
  shown("batch-polarity", told.map((one) => one.polarity.label), () => "");
  shown("batch-classes", told.map((one) => one.comment_class), classFace);
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
  h("td", {}, one.problem || one.emotions.map((e) => faced(e.label)).join(", ") || one.abstained || "–"),
  h("td", {}, one.polarity?.label ?? "–"),
  h("td", {}, one.comment_class ? spoken(one.comment_class) : "–"));
