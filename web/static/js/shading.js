// A text with each word shaded by what it adds to an emotion.

import { h, signed, spoken } from "./dom.js";
import { colour } from "./labels.js";

const MOST = 4000; // characters that are shaded; a longer text ends there, and says so
const WEAK = 0.15; // logits below which a word is left as it is

/** Puts the text into `host`; `weighing` counts characters in code points. */
export function shade(host, text, weighing) {
  host.replaceChildren();
  host.classList.add("toned");
  if (!weighing) {
    host.append(shown(text));
    return;
  }
  host.style.setProperty("--c", colour(weighing.emotion));
  const points = [...text];
  const strongest = Math.max(1, ...weighing.words.map((one) => Math.abs(one.adds)));
  let place = 0;
  for (const { start, end, adds } of weighing.words) {
    if (end > MOST) break;
    host.append(points.slice(place, start).join(""));
    host.append(word(points.slice(start, end).join(""), adds, strongest, weighing.emotion));
    place = end;
  }
  const rest = points.slice(place, MOST).join("");
  host.append(points.length > MOST ? `${rest} … (${points.length - MOST} more characters)` : rest);
}

function word(text, adds, strongest, emotion) {
  if (Math.abs(adds) < WEAK) return text;
  const weight = Math.abs(adds) / strongest;
  const title = `${signed(adds)} ${adds > 0 ? "for" : "against"} ${spoken(emotion)}`;
  return h("span", { class: adds > 0 ? "for" : "against", "--s": weight.toFixed(3), title }, text);
}

const shown = (text) => {
  const points = [...text];
  if (points.length <= MOST) return text;
  return `${points.slice(0, MOST).join("")} … (${points.length - MOST} more characters)`;
};

/** The words that weigh most, as a sentence: what the shades say to those who do not see them. */
export function weightiest(text, weighing, most = 5) {
  const points = [...text];
  return [...weighing.words]
    .sort((a, b) => Math.abs(b.adds) - Math.abs(a.adds))
    .slice(0, most)
    .filter((one) => Math.abs(one.adds) >= WEAK)
    .map((one) => `${points.slice(one.start, Math.min(one.end, one.start + 40)).join("")} ${signed(one.adds, 1)}`)
    .join(" · ");
}
