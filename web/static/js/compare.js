// Two selections of posts side by side; and what comments on one video say to its creator.

import { ask, waited } from "./asking.js";
import { bars, counted } from "./bars.js";
import { $, count, debounced, h, percent, signed, spoken } from "./dom.js";
import { classFace, colour, face, faced, labels } from "./labels.js";
import { posts } from "./posts.js";

const KINDS = { q: "words", tag: "hashtag", video: "video", platform: "platform", name: "name", topic: "subject", language: "language" };
const AGAIN = 4000; // milliseconds before what was not answered is asked again
const CHOICES = { tag: "tags", video: "videos", platform: "platforms", language: "languages" };

let sides = {};
let choices = null;
let ready = false;
let asked;

export async function enter(parameters) {
  if (!ready) prepare();
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  while (!signal.aborted) {
    try {
      await show(parameters, signal);
      say(null);
      return;
    } catch (error) {
      if (error.name === "AbortError") return;
      say(error);
      if (!error.passes) return;
    }
    await waited(AGAIN, signal);
  }
}

const say = (error) => dispatchEvent(new CustomEvent("trouble", { detail: error }));

async function show(parameters, signal) {
  const everything = await ask("v1/live", { signal });
  choices = { ...everything.choices, names: everything.names, topics: everything.topics };
  sides = { a: sideOf(parameters.get("a")) ?? first(0), b: sideOf(parameters.get("b")) ?? first(1) };
  for (const name of ["a", "b"]) fill(name);
  const video = parameters.get("video") ?? Object.keys(choices.videos)[0];
  videos(video);
  await Promise.all([compare(signal), feedback(video, signal)]);
}

export function leave() {
  asked?.abort();
}

/** "tag:roversontour" as {kind, value}; a value may hold colons. */
function sideOf(text) {
  const [kind, ...rest] = (text ?? "").split(":");
  const value = rest.join(":");
  return kind in KINDS && value ? { kind, value } : null;
}

/** Something to compare before anybody chose: two platforms, hashtags or videos, as there are. */
function first(place) {
  for (const [kind, values] of [["platform", "platforms"], ["tag", "tags"], ["video", "videos"], ["language", "languages"]]) {
    const found = Object.keys(choices[values]);
    if (found.length > 1) return { kind, value: found[place] };
  }
  return { kind: "q", value: "" };
}

function prepare() {
  ready = true;
  for (const name of ["a", "b"]) {
    const kind = h("select", { id: `kind-${name}`, "aria-label": "what" },
      ...Object.entries(KINDS).map(([value, text]) => h("option", { value }, text)));
    const value = h("input", { type: "text", id: `value-${name}`, "aria-label": "which", list: `list-${name}`, maxlength: 200, autocomplete: "off" });
    const list = h("datalist", { id: `list-${name}` });
    $(`side-${name}`).append(kind, value, list);
    kind.onchange = () => {
      value.value = "";
      offer(name);
    };
    value.oninput = debounced(400, go);
    value.onchange = go;
  }
  $("sides").onsubmit = (event) => {
    event.preventDefault();
    go();
  };
  $("video").onchange = go;
}

function fill(name) {
  if (document.activeElement !== $(`value-${name}`)) $(`value-${name}`).value = sides[name].value;
  $(`kind-${name}`).value = sides[name].kind;
  offer(name);
}

function offer(name) {
  const kind = $(`kind-${name}`).value;
  const known = choices?.[CHOICES[kind] ?? `${kind}s`] ?? {};
  $(`list-${name}`).replaceChildren(...Object.entries(known).map(([value, n]) => h("option", { value }, `${count(n)} posts`)));
}

function go() {
  const parameters = new URLSearchParams();
  for (const name of ["a", "b"]) {
    const value = $(`value-${name}`).value.trim().replace($(`kind-${name}`).value === "tag" ? /^#/ : "", "");
    if (value) parameters.set(name, `${$(`kind-${name}`).value}:${value}`);
  }
  if ($("video").value) parameters.set("video", $("video").value);
  const address = `#/compare?${parameters}`;
  if (address !== location.hash) location.hash = address;
}

const named = ({ kind, value }) => (kind === "tag" ? `#${value}` : kind === "topic" ? spoken(value) : value || "everything");

async function compare(signal) {
  const [a, b] = await Promise.all(["a", "b"].map((name) => {
    const { kind, value } = sides[name];
    return ask(`v1/live?${new URLSearchParams(value ? { [kind]: kind === "tag" ? value.toLowerCase() : value } : {})}`, { signal });
  }));
  const names = [named(sides.a), named(sides.b)];
  const heading = (text) => h("h2", {}, text);
  $("compared").replaceChildren(
    h("div", { class: "card" }, heading("Emotions, as shares of the posts"), head(names, [a, b]),
      duel(a, b, "emotions", (label) => faced(label), 14)),
    h("div", { class: "two" },
      h("div", { class: "card" }, heading("Polarity"), duel(a, b, "polarities", (label) => label, 3)),
      h("div", { class: "card" }, heading("As comments"), duel(a, b, "comment_classes", (label) => `${classFace(label)} ${spoken(label)}`, 5))),
    h("div", { class: "two" }, ...[a, b].map((view, place) =>
      h("div", { class: "card" }, h("h2", {}, "Words behind ", view.emotion ? faced(view.emotion) : "an emotion", ": ", h("bdi", {}, names[place])),
        h("p", { class: view.words.length ? "" : "quiet" }, h("bdi", {}, view.words.map((one) => one.word).join(" · ") || "no word stands out"))))));
}

function head(names, views) {
  return h("div", { class: "two duel-head" }, ...views.map((view, place) => h("p", { class: "quiet" },
    h("strong", {}, h("bdi", {}, names[place])), ` ${count(view.posts)} posts`,
    view.posts ? `, ${percent((view.emotions.neutral ?? 0) / view.posts)} neutral, mean polarity ${signed(view.mood ?? 0)}` : "")));
}

/** Rows with a bar to the left and one to the right; neutral would make all others small. */
function duel(a, b, field, describe, most) {
  const shares = [a, b].map((view) => Object.fromEntries(Object.entries(view[field]).map(([label, n]) => [label, n / view.posts])));
  const all = [...new Set([...Object.keys(a[field]), ...Object.keys(b[field])])]
    .filter((label) => field !== "emotions" || label !== "neutral");
  const sum = (label) => (shares[0][label] ?? 0) + (shares[1][label] ?? 0);
  const rows = all.sort((x, y) => sum(y) - sum(x)).slice(0, most);
  const largest = Math.max(0.01, ...rows.flatMap((label) => shares.map((one) => one[label] ?? 0)));
  if (!rows.length) return h("p", { class: "quiet" }, "No post fits.");
  return h("ul", { class: "duel" }, ...rows.map((label) => {
    const [left, right] = shares.map((one) => one[label] ?? 0);
    const bar = (share, side) => h("span", { class: `track toned ${side}`, "aria-hidden": "true", "--c": colour(label) }, h("span", { class: "fill", "--w": `${(100 * share) / largest}%` }));
    const more = (share, other) => share > other && percent(share) !== percent(other);
    const number = (share, other) => h("span", { class: `num${more(share, other) ? " more" : ""}` }, percent(share));
    return h("li", {}, number(left, right), bar(left, "left"), h("span", { class: "name" }, describe(label)), bar(right, "right"), number(right, left));
  }));
}

function videos(chosen) {
  const known = Object.entries(choices.videos);
  if (chosen && !(chosen in choices.videos)) known.push([chosen, 0]);
  $("video").replaceChildren(...known.map(([value, n]) => h("option", { value }, `${value} (${count(n)} comments)`)));
  $("video").value = chosen ?? "";
  $("video").disabled = !known.length;
}

async function feedback(video, signal) {
  if (!video) {
    $("feedback").replaceChildren(h("p", { class: "card quiet" }, "There are no comments on videos in the index: `python -m ingest youtube` collects them."));
    return;
  }
  const about = (more) => new URLSearchParams({ video, ...more });
  const [view, proposed, negative] = await Promise.all([
    ask(`v1/live?${about({})}`, { signal }),
    ask(`v1/live/posts?${about({ comment_class: "constructive_feedback", order: "suggestion", size: 30 })}`, { signal }),
    ask(`v1/live/posts?${about({ comment_class: "negative", order: "critical", size: 8 })}`, { signal }),
  ]);
  const share = (n) => `${count(n)} · ${percent(n / view.posts)}`;
  const classes = h("ul", { class: "bars" }), felt = h("ul", { class: "bars" });
  const suggestions = h("ol", { class: "posts" }), critical = h("ol", { class: "posts" });
  const all = Object.fromEntries(Object.keys(labels.comment_classes).map((one) => [one, view.comment_classes[one] ?? 0]));
  bars(classes, counted(all, (key) => ({ name: spoken(key), face: classFace(key), colour: colour(key) }), { show: share }));
  bars(felt, counted(view.emotions, (key) => ({ name: spoken(key), face: face(key), colour: colour(key) }), { most: 8, show: share }));
  posts(suggestions, proposed.posts, { empty: "no comment proposes anything", suggestion: true });
  posts(critical, negative.posts, { empty: "no critical comment" });
  $("feedback").replaceChildren(
    h("div", { class: "stack" },
      h("div", { class: "card" }, h("h2", {}, "What viewers propose"), suggestions),
      h("div", { class: "card" }, h("h2", {}, "What they criticise most"), critical)),
    h("div", { class: "stack" },
      h("div", { class: "card" }, h("h2", {}, `${count(view.posts)} comments`), classes),
      h("div", { class: "card" }, h("h2", {}, "What they feel"), felt)));
}
