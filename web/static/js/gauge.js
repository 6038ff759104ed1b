// Polarity as a half circle: negative on the left, positive on the right.

import { h, percent, signed, spoken, svg } from "./dom.js";
import { colour } from "./labels.js";

const NAMES = ["negative", "neutral", "positive"];

export function gauge(host, polarity) {
  const score = polarity?.label ? polarity.score : null;
  const text = score === null ? "nothing to say" : `${spoken(polarity.label)} ${signed(score)}`;
  const angle = Math.PI * (1 - ((score ?? 0) + 1) / 2);
  const tip = [100 + 66 * Math.cos(angle), 92 - 66 * Math.sin(angle)];
  const arcs = NAMES.map((name, place) => svg("path", {
    class: "arc toned", "--c": colour(name), d: arc(Math.PI * (1 - place / 3) - 0.02, Math.PI * (1 - (place + 1) / 3) + 0.02),
  }));
  host.replaceChildren(
    svg("svg", { viewBox: "0 0 200 108", role: "img", "aria-label": `Polarity: ${text}`, class: "gauge" },
      ...arcs,
      svg("text", { x: 14, y: 106, class: "axis" }, "−1"), svg("text", { x: 186, y: 106, class: "axis end" }, "+1"),
      score === null ? null : svg("line", { x1: 100, y1: 92, x2: tip[0], y2: tip[1], class: "needle" }),
      svg("circle", { cx: 100, cy: 92, r: 5, class: "hub" })),
    h("p", { class: "center" }, h("strong", {}, text)),
    h("p", { class: "center quiet" }, score === null ? "" : NAMES.map((one) => `${one} ${percent(polarity.probabilities[one])}`).join(" · ")));
}

function arc(from, to) {
  const at = (angle) => `${100 + 80 * Math.cos(angle)} ${92 - 80 * Math.sin(angle)}`;
  return `M${at(from)} A80 80 0 0 1 ${at(to)}`;
}
