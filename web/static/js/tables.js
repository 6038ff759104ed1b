// Files of texts: CSV and TSV (RFC 4180), NDJSON or a JSON list, plain lines.

const USUAL = ["text", "textoriginal", "textdisplay", "message", "comment", "content", "body", "tweet", "post", "review", "sentence",
  "kommentar", "beitrag", "nachricht", "inhalt", "commentaire", "texte", "avis", "comentario", "comentário", "texto", "mensaje", "commento", "testo",
  "tekst", "reactie"];

/** Reads a file into `{header, rows}`; a file without names of columns has none in `header`. */
export function read(name, text) {
  const clean = text.replace(/^\uFEFF/, "");
  if (/\.(ndjson|jsonl|json)$/i.test(name)) return objects(clean);
  if (/\.(csv|tsv)$/i.test(name)) return separated(clean, /\.tsv$/i.test(name) ? "\t" : likely(clean));
  return { header: [], rows: clean.split(/\r?\n/).filter((one) => one.trim()).map((one) => [one]) };
}

export const columnsOf = (table) =>
  table.header.length ? table.header : (table.rows[0] ?? [""]).map((_one, place) => `column ${place + 1}`);

/** The column that holds the texts: one with a usual name, or the one with the longest values. */
export function column(table) {
  const last = table.header.map((name) => name.split(".").at(-1).trim().toLowerCase());
  const named = USUAL.map((one) => last.indexOf(one)).find((at) => at >= 0);
  if (named !== undefined) return named;
  const lengths = columnsOf(table).map((_name, place) =>
    table.rows.slice(0, 50).reduce((sum, row) => sum + String(row[place] ?? "").length, 0));
  return lengths.indexOf(Math.max(...lengths));
}

function likely(text) {
  const line = text.slice(0, text.search(/\r?\n|$/));
  return [",", ";", "\t"].sort((a, b) => line.split(b).length - line.split(a).length)[0];
}

const blank = (row) => row.every((one) => !one.trim());

function separated(text, sign) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  const endCell = () => {
    row.push(cell);
    cell = "";
  };
  const endRow = () => {
    endCell();
    rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at++) {
    const one = text[at];
    if (quoted) {
      if (one !== '"') cell += one;
      else if (text[at + 1] === '"') cell += text[++at];
      else quoted = false;
    } else if (one === '"' && cell === "") quoted = true;
    else if (one === sign) endCell();
    else if (one === "\n") endRow();
    else if (one !== "\r") cell += one;
  }
  endRow();
  // A blank row between others stays: whoever gets the file back counts its rows.
  while (rows.length && blank(rows.at(-1))) rows.pop();
  while (rows.length && blank(rows[0])) rows.shift();
  const isHeader = rows[0]?.some((one) => USUAL.includes(one.trim().toLowerCase())) ||
    (rows.length > 1 && rows[0].every((one) => /^[\p{L}\p{M}\p{N}_ .-]{1,30}$/u.test(one)) && rows[0].length > 1);
  return { header: isHeader ? rows.shift() : [], rows };
}

/** Every object's own strings are columns; `{"post": {"text": …}}` counts as one named `post.text`. */
function objects(text) {
  const trimmed = text.trim();
  const found = trimmed.startsWith("[") ? JSON.parse(trimmed) : trimmed.split(/\r?\n/).filter(Boolean).map(parsed);
  const flat = found.map((one) => (typeof one === "string" ? { text: one } : flattened(one)));
  const header = [...new Set(flat.flatMap((one) => Object.keys(one)))];
  if (!header.length) throw new Error("There is no text in this file.");
  return { header, rows: flat.map((one) => header.map((name) => one[name] ?? "")) };
}

function parsed(line, place) {
  try {
    return JSON.parse(line);
  } catch {
    throw new Error(`Line ${place + 1} is not JSON.`);
  }
}

function flattened(value, path = "", out = {}) {
  for (const [name, one] of Object.entries(value ?? {})) {
    const at = path ? `${path}.${name}` : name;
    if (typeof one === "string") out[at] = one;
    else if (one && typeof one === "object" && !Array.isArray(one) && at.split(".").length < 5) flattened(one, at, out);
  }
  return out;
}
