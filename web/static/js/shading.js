// A text with each word shaded by its part in an emotion, as far as the model can say.

import { h, percent, signed, spoken } from "./dom.js";
import { colour } from "./labels.js";

const MOST = 4000; // characters that are shaded; a longer text ends there, and says so
const WEAK = 0.15; // logits below which a word is left as it is
const LOOKED = 1.1; // times a word's equal share of attention below which it is left as it is
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
  const { weak, strongest, told } = manner(weighing);
  let place = 0;
  for (const { start, end, adds } of weighing.words) {
    if (end > MOST) break;
    host.append(...calm(points.slice(place, start).join("")));
    const part = points.slice(start, end).join("");
    host.append(Math.abs(adds) < weak ? held(part) : word(part, adds, strongest, told(adds)));
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

/** How a model's weights are read: shares of attention are of the text, the others logits of the emotion. */
function manner({ method, emotion, words }) {
  const largest = Math.max(0, ...words.map((one) => Math.abs(one.adds)));
  if (method === "attention") {
    return {
      weak: LOOKED / Math.max(words.length, 1),
      strongest: largest,
      lead: "looked at most, whatever the emotion: ",
      none: "no word is looked at more than others",
      shown: percent,
      told: (share) => `${percent(share)} of the model's attention`,
    };
  }
  const without = method === "left out";
  return {
    weak: WEAK,
    strongest: Math.max(1, largest),
    lead: without ? "missed most when left out: " : "weighs most: ",
    none: without ? "no word is missed much" : "no word weighs much",
    shown: (adds) => signed(adds, 1),
    told: (adds) => `${signed(adds)} ${adds > 0 ? "for" : "against"} ${spoken(emotion)}`,
  };
}

function word(text, adds, strongest, title) {
  const weight = Math.abs(adds) / strongest;
  return h("span", { class: adds > 0 ? "for" : "against", "--s": weight.toFixed(3), title }, held(text));
}

/** The words that weigh most, as parts of a sentence: what the shades say to those who do not see them. */
export function weightiest(text, weighing, most = 5) {
  const points = [...text];
  const { weak, lead, none, shown } = manner(weighing);
  const found = [...weighing.words]
    .sort((a, b) => Math.abs(b.adds) - Math.abs(a.adds))
    .slice(0, most)
    .filter((one) => Math.abs(one.adds) >= weak)
    .flatMap((one, place) => [
      place ? " · " : lead,
      h("bdi", { class: "held" }, points.slice(one.start, Math.min(one.end, one.start + 40)).join("")),
      ` ${shown(one.adds)}`,
    ]);
  return found.length ? found : [none];
}
