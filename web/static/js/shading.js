// A text with each word shaded by what it adds to an emotion.

import { h, signed, spoken } from "./dom.js";
import { colour } from "./labels.js";

const MOST = 4000; // characters that are shaded; a longer text ends there, and says so
const WEAK = 0.15; // logits below which a word is left as it is
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/; // characters that turn the direction of writing

/** Puts the text into `host`; `weighing` counts characters in code points. */
export function shade(host, text, weighing) {
  host.replaceChildren();
  host.classList.add("toned");
  if (!weighing) {
    host.append(...calm(text), more(text));
    return;
  }
  host.style.setProperty("--c", colour(weighing.emotion));
  const points = [...text];
  const strongest = Math.max(1, ...weighing.words.map((one) => Math.abs(one.adds)));
  let place = 0;
  for (const { start, end, adds } of weighing.words) {
    if (end > MOST) break;
    host.append(...calm(points.slice(place, start).join("")));
    host.append(word(points.slice(start, end).join(""), adds, strongest, weighing.emotion));
    place = end;
  }
  host.append(...calm(points.slice(place).join(""), MOST - place), more(text));
}

/** One word; a turn in it ends with it, whatever else the word holds: a box is a paragraph of its own. */
const held = (text) => (TURNS.test(text) ? h("bdi", { class: "held" }, text) : text);

/** Words that are not weighed. */
function calm(text, most = MOST) {
  const kept = [...text].slice(0, most).join("");
  return TURNS.test(kept) ? kept.split(/(\s+)/).map(held) : [kept];
}

function more(text) {
  const left = [...text].length - MOST;
  return left > 0 ? ` … (${left} more characters)` : "";
}

function word(text, adds, strongest, emotion) {
  if (Math.abs(adds) < WEAK) return held(text);
  const weight = Math.abs(adds) / strongest;
  const title = `${signed(adds)} ${adds > 0 ? "for" : "against"} ${spoken(emotion)}`;
  return h("span", { class: adds > 0 ? "for" : "against", "--s": weight.toFixed(3), title }, held(text));
}

/** The words that weigh most, as parts of a sentence: what the shades say to those who do not see them. */
export function weightiest(text, weighing, most = 5) {
  const points = [...text];
  return [...weighing.words]
    .sort((a, b) => Math.abs(b.adds) - Math.abs(a.adds))
    .slice(0, most)
    .filter((one) => Math.abs(one.adds) >= WEAK)
    .flatMap((one, place) => [
      place ? " · " : "",
      h("bdi", { class: "held" }, points.slice(one.start, Math.min(one.end, one.start + 40)).join("")),
      ` ${signed(one.adds, 1)}`,
    ]);
}
