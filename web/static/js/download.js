// Results as a file: NDJSON as the API gave them, CSV for spreadsheets; each with what the file had.

import { labels } from "./labels.js";
import { columnsOf } from "./tables.js";

export function download(name, results, table) {
  const header = table && (table.header.length || columnsOf(table).length > 1) ? columnsOf(table) : null;
  const text = name.endsWith(".csv") ? csv(results, header) : results.map((one) => `${JSON.stringify(told(one, header))}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function told({ row, ...one }, header) {
  return header ? { ...one, row: Object.fromEntries(header.map((name, place) => [name, row[place] ?? ""])) } : one;
}

const ANSWERS = {
  primary: (one) => one.primary,
  emotions: (one) => one.emotions?.map((e) => e.label).join(" "),
  polarity: (one) => one.polarity?.label,
  polarity_score: (one) => one.polarity?.score,
  comment_class: (one) => one.comment_class,
  suggestion: (one) => one.suggestion,
  language: (one) => one.language,
  abstained: (one) => one.problem ?? one.abstained,
};

/** The columns of the file, then ours; one of ours whose name the file has is called `emostream_…`. */
function csv(results, header) {
  const own = header ?? ["text"];
  const chances = labels.emotions.map(({ label }) => [label, (one) => one.probabilities?.[label]]);
  const answers = [...Object.entries(ANSWERS), ...chances];
  const names = [...own, ...answers.map(([name]) => (own.includes(name) ? `emostream_${name}` : name))];
  const rows = results.map((one) => [
    ...(header ? header.map((_name, place) => one.row[place]) : [one.text]), ...answers.map(([, read]) => read(one)),
  ]);
  return [names, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** One value; a text that a spreadsheet would take for a formula gets an apostrophe before it. */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = String(value ?? "");
  if (/^-?\d+(\.\d+)?$/.test(text)) return text;
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
