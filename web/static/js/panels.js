// The panels of the live view: the line's strip, the numbers, lists of counts, words, dead letters.

import { bars, counted } from "./bars.js";
import { $, count, h, keyed, percent, short, signed, spoken } from "./dom.js";
import { classFace, colour, face, faced } from "./labels.js";

export function strip(line) {
  const lag = line.lag ? Object.entries(line.lag).map(([station, n]) => [`waiting for the ${station}`, short(n), n > 5000]) : [["waiting records", "?", false]];
  const items = [
    ["posts a second", line.a_second < 10 ? line.a_second.toFixed(1) : short(line.a_second), false],
    ["since the last one", line.newest ? ago(Date.now() - line.newest) : "–", false],
    ...lag,
    ["dead letters", short(line.dead_letters), line.dead_letters_in_an_hour > 0],
    ["deletions", short(line.deletions), false],
  ];
  keyed($("strip"), items, ([name]) => name, () => h("li", {}, h("strong", {}), h("span", {})), (item, [name, value, warn]) => {
    item.firstChild.textContent = value;
    item.lastChild.textContent = ` ${name}`;
    item.classList.toggle("warn", warn);
  });
}

function ago(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

export function numbers(view) {
  const top = Object.entries(view.emotions).find(([label]) => label !== "neutral") ?? Object.entries(view.emotions)[0];
  const labelled = Object.values(view.emotions).reduce((a, b) => a + b, 0);
  const items = [
    ["posts", short(view.posts)],
    ["mean polarity, from −1 to 1", view.mood === null ? "–" : signed(view.mood)],
    ["commonest emotion", top ? faced(top[0]) : "–"],
    ["have an emotion that is not neutral", percent((labelled - (view.emotions.neutral ?? 0)) / view.posts)],
  ];
  keyed($("numbers"), items, ([name]) => name, () => h("li", {}, h("strong", {}), h("span", {})), (item, [name, value]) => {
    item.firstChild.textContent = value;
    item.lastChild.textContent = name;
  });
}

/** `toggle(name)(value)` sets or unsets a filter. */
export function lists(view, line, filters, toggle) {
  const plain = (host, counts, name, describe, options = {}) =>
    bars($(host), counted(counts, describe, options), { pick: toggle(name), chosen: filters[name], empty: options.empty ?? "none here" });
  const emotion = (key) => ({ name: spoken(key), face: face(key), colour: colour(key) });
  const share = (n) => `${short(n)} · ${percent(n / view.posts)}`;
  plain("live-emotions", view.emotions, "emotion", emotion, { most: 14, show: share });
  plain("topics", view.topics, "topic", (key) => ({ name: spoken(key) }), { most: 10, show: share });
  plain("tags", view.tags, "tag", (key) => ({ name: `#${key}` }), { most: 10 });
  plain("names", view.names, "name", (key) => ({ name: key }), { most: 10 });
  plain("platforms", view.platforms, "platform", (key) => ({ name: key }), { show: share });
  plain("languages", view.languages, "language", (key) => ({ name: language(key) }), { show: share });
  plain("polarities", view.polarities, "polarity", (key) => ({ name: key, colour: colour(key) }), { show: share });
  plain("live-classes", view.comment_classes, "comment_class", (key) => ({ name: spoken(key), face: classFace(key), colour: colour(key) }), { show: share });
  plain("videos", view.videos, "video", (key) => ({ name: key }), { most: 8, empty: "no comments on videos here" });
  words(view, filters, toggle);
  letters(line);
}

const LANGUAGES = new Intl.DisplayNames("en-GB", { type: "language", fallback: "code" });

function language(code) {
  if (code === "und") return "not told";
  try {
    return LANGUAGES.of(code);
  } catch {
    return code;
  }
}

function words(view, filters, toggle) {
  $("words-of").textContent = view.emotion ? faced(view.emotion) : "an emotion";
  // The chosen one stays, so that a second click comes back.
  const chosen = filters.word && !view.words.some((one) => one.word === filters.word);
  const shown = chosen ? [{ word: filters.word, posts: view.posts }, ...view.words] : view.words;
  const most = Math.max(1, ...shown.map((one) => one.posts));
  if (!shown.length) return $("words").replaceChildren(h("li", { class: "quiet" }, "no word stands out"));
  $("words").querySelector(".quiet")?.remove();
  return keyed($("words"), shown, (one) => one.word,
    (one) => h("li", {}, h("button", { type: "button", onclick: () => toggle("word")(one.word) }, h("bdi", {}, one.word))),
    (item, one) => {
      const button = item.firstChild;
      button.title = `${count(one.posts)} posts`;
      button.classList.add("toned");
      button.style.setProperty("--c", colour(view.emotion));
      button.style.setProperty("--s", Math.sqrt(one.posts / most).toFixed(3));
      button.setAttribute("aria-pressed", String(filters.word === one.word));
    });
}

function letters(line) {
  if (!line.reasons.length) return $("letters").replaceChildren(h("li", { class: "quiet" }, "none: every record could be used"));
  return $("letters").replaceChildren(...line.reasons.map((one) => h("li", {},
    h("strong", {}, short(one.letters)), h("span", {}, h("bdi", {}, `${one.station ?? "?"}: ${one.reason}`)))));
}
