// Charts over time: columns on one axis, a cursor for mouse and keyboard, the numbers as a table.

import { h, set, svg } from "./dom.js";

const LEFT = 40, BOTTOM = 20, TOP = 6;
const DAY = 86_400_000;

const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const CLOCK = format({ hour: "2-digit", minute: "2-digit" });
const SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = format({ day: "numeric", month: "short" });
const MONTH = format({ month: "short", year: "numeric" });
const WHOLE = format({ weekday: "short", day: "numeric", month: "short", year: "numeric" });

/** "Fri, 20 Nov 2026, 14:00 UTC" */
export const moment = (at, step) =>
  WHOLE.format(at) + (step < DAY ? `, ${(step < 60_000 ? SECONDS : CLOCK).format(at)} UTC` : "");

/**
 * Draws a chart into `host`, and again whenever its width changes.
 *
 * `spec`: `{title, height, start, end, step, columns: [{at, …}], draw(plot), describe(column),
 * pick(column)}`; `draw` gets `{x(at), width, top, bottom, add, line(y, label)}`.
 */
export function timeChart(host, spec) {
  if (!host.spec) begin(host);
  host.spec = spec;
  draw(host);
}

function begin(host) {
  const tip = h("div", { class: "tip", hidden: true, role: "status" });
  const table = h("details", { class: "numbers-table quiet" }, h("summary", {}, "as a table"));
  const frame = h("div", { class: "chart", role: "group", tabindex: "0" }, tip);
  host.append(frame, table);
  table.ontoggle = () => table.open && tabled(host);
  Object.assign(host, { frame, tip, table, cursor: null });
  frame.onpointermove = (event) => point(host, at(host, event));
  frame.onpointerleave = () => point(host, null);
  frame.onblur = () => point(host, null);
  frame.onclick = (event) => {
    const column = at(host, event);
    if (column) host.spec.pick?.(column);
  };
  frame.onkeydown = (event) => walk(host, event);
  new ResizeObserver(() => host.frame.clientWidth !== host.drawn && draw(host)).observe(frame);
}

function draw(host) {
  const { spec, frame, tip } = host;
  const width = frame.clientWidth;
  host.drawn = width;
  if (!width) return;
  const { height, start, end, step } = spec;
  const from = Math.floor(start / step) * step, to = Math.floor(end / step) * step + step;
  const x = (at) => LEFT + ((at - from) / (to - from)) * (width - LEFT);
  const picture = svg("svg", { height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const plot = {
    x, step, width: Math.max(1, x(from + step) - x(from)), top: TOP, bottom: height - BOTTOM,
    add: (...shapes) => picture.append(...shapes),
    line: (y, label, kind = "grid") => picture.append(
      svg("line", { x1: LEFT, x2: width, y1: y, y2: y, class: kind }),
      svg("text", { x: LEFT - 6, y: y + 4, class: "axis end" }, label)),
  };
  spec.draw(plot);
  times(picture, from, to, x, width, height);
  host.plot = plot;
  host.mark = svg("rect", { class: "cursor", y: TOP, height: height - BOTTOM - TOP, width: plot.width, visibility: "hidden" });
  picture.append(host.mark);
  frame.querySelector("svg")?.remove();
  frame.prepend(picture);
  set(frame, { "aria-label": `${spec.title}. Arrow keys walk through time, Enter zooms in.` });
  if (host.cursor !== null) point(host, spec.columns.find((one) => one.at === host.cursor) ?? null);
  else tip.hidden = true;
  if (host.table.open) tabled(host);
}

function times(picture, from, to, x, width, height) {
  const wanted = Math.max(2, Math.floor(width / 110));
  const steps = [1000, 5000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 3 * 3_600_000, 6 * 3_600_000, 12 * 3_600_000,
    DAY, 2 * DAY, 7 * DAY, 30 * DAY, 91 * DAY, 365 * DAY, 5 * 365 * DAY];
  const step = steps.find((one) => (to - from) / one <= wanted) ?? steps.at(-1);
  for (let at = Math.ceil(from / step) * step; at < to; at += step) {
    if (x(at) > width - 24) break;
    const text = step >= 30 * DAY ? MONTH.format(at) : at % DAY === 0 ? DATE.format(at)
      : step < 60_000 ? SECONDS.format(at) : CLOCK.format(at);
    picture.append(
      svg("line", { x1: x(at), x2: x(at), y1: height - BOTTOM, y2: height - BOTTOM + 4, class: "zero" }),
      svg("text", { x: Math.max(x(at), LEFT + 12), y: height - 4, class: "axis middle" }, text));
  }
}

function at(host, event) {
  const place = event.clientX - host.frame.getBoundingClientRect().left;
  const { x, width } = host.plot;
  return host.spec.columns.find((one) => place >= x(one.at) && place < x(one.at) + width) ?? null;
}

function point(host, column) {
  const { tip, mark, frame, plot, spec } = host;
  host.cursor = column?.at ?? null;
  tip.hidden = !column;
  mark.setAttribute("visibility", column ? "visible" : "hidden");
  if (!column) return;
  const left = plot.x(column.at);
  mark.setAttribute("x", left);
  tip.textContent = `${moment(column.at, spec.step)}\n${spec.describe(column)}`;
  const room = frame.clientWidth - tip.offsetWidth;
  const beside = left + plot.width + 10;
  tip.style.left = `${Math.max(0, beside <= room ? beside : left - tip.offsetWidth - 10)}px`;
}

function walk(host, event) {
  const { columns, pick } = host.spec;
  const here = columns.findIndex((one) => one.at === host.cursor);
  const to = { ArrowRight: here + 1, ArrowLeft: here < 0 ? columns.length - 1 : here - 1, Home: 0, End: columns.length - 1 }[event.key];
  if (to !== undefined) point(host, columns[Math.max(0, Math.min(columns.length - 1, to))] ?? null);
  else if (event.key === "Enter" && here >= 0) pick?.(columns[here]);
  else if (event.key === "Escape") point(host, null);
  else return;
  event.preventDefault();
}

function tabled(host) {
  const { spec, table } = host;
  table.querySelector(".scroll")?.remove();
  table.append(h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${spec.title}, as a table` },
    h("table", {}, h("tbody", {}, spec.columns.map((one) => h("tr", {},
      h("th", { scope: "row" }, moment(one.at, spec.step)),
      h("td", {}, spec.describe(one).replaceAll("\n", "; "))))))));
}
