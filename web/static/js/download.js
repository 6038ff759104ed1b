// Results as a file: NDJSON as the API gave them, CSV for spreadsheets.

export function download(name, results) {
  const text = name.endsWith(".csv") ? csv(results) : results.map((one) => `${JSON.stringify(one)}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  Object.assign(link, { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

function csv(results) {
  const labels = Object.keys(results[0]?.probabilities ?? {});
  const header = ["text", "primary", "emotions", "polarity", "polarity_score", "comment_class", "suggestion", "language", ...labels];
  const rows = results.map((one) => [
    one.text, one.primary, one.emotions.map((e) => e.label).join(" "), one.polarity.label, one.polarity.score,
    one.comment_class, one.suggestion, one.language, ...labels.map((label) => one.probabilities[label]),
  ]);
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** One value; a text that a spreadsheet would take for a formula gets an apostrophe before it. */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
