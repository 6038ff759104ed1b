// What is in the index now: every number from one answer, the posts as they come.

import { ask, listen, waited } from "./asking.js";
import { $, count, debounced, h, keyed, short, spoken } from "./dom.js";
import { colour, face, faced } from "./labels.js";
import { lists, numbers, strip } from "./panels.js";
import { posts } from "./posts.js";
import { emotions, mood, OTHER, seriesName, seriesOf, volume } from "./timelines.js";
import { moment } from "./timechart.js";

const EVERY = 4000; // milliseconds between two looks
const FIELDS = ["since", "platform", "language", "emotion", "q", "polarity", "comment_class", "topic", "tag", "name", "video", "word", "crawl", "start", "end"];
const IN_FORM = ["since", "platform", "language", "emotion", "q"];
const SHOWN = { comment_class: "as a comment", tag: "hashtag" };

let filters = {};
let view = null;
let line = null;
let share = true;
let paused = false;
let ready = false;
let leaving; // ends what runs while the view is shown
let streaming; // ends the stream of posts

const form = $("filters");

export function enter(parameters) {
  if (!ready) prepare();
  filters = Object.fromEntries(FIELDS.filter((one) => parameters.get(one)).map((one) => [one, parameters.get(one)]));
  form.elements.since.value = filters.since ?? "";
  if (form.elements.q.value.trim() !== (filters.q ?? "")) form.elements.q.value = filters.q ?? ""; // a blank at the end is still being typed
  leaving?.abort();
  leaving = new AbortController();
  chips();
  stream();
  look(leaving.signal);
}

export function leave() {
  leaving?.abort();
  streaming?.();
  leaving = streaming = undefined;
}

function prepare() {
  ready = true;
  const change = () => go(Object.fromEntries(IN_FORM.map((name) => [name, form.elements[name].value.trim() || null])));
  form.onsubmit = (event) => {
    event.preventDefault();
    change();
  };
  const soon = debounced(350, change);
  for (const name of IN_FORM) form.elements[name][name === "q" ? "oninput" : "onchange"] = name === "q" ? soon : change;
  $("as-share").onclick = () => scale(true);
  $("as-count").onclick = () => scale(false);
  $("neutral").onchange = charts;
  $("pause").onclick = () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
    $("pause").textContent = paused ? "Go on" : "Pause";
    stream();
  };
  // A browser holds few connections to one server: a tab that nobody sees keeps none.
  document.addEventListener("visibilitychange", () => leaving && stream());
}

function scale(asShare) {
  share = asShare;
  $("as-share").setAttribute("aria-pressed", String(share));
  $("as-count").setAttribute("aria-pressed", String(!share));
  charts();
}

/** Changes some filters: the address says all of them, so going back undoes it. */
function go(changes) {
  const next = { ...filters, ...changes };
  if (changes.since) next.start = next.end = null;
  if (changes.start) next.since = null;
  const parameters = new URLSearchParams(Object.entries(next).filter(([, value]) => value));
  const address = `#/live${parameters.size ? `?${parameters}` : ""}`;
  if (address !== location.hash) location.hash = address;
}

const toggle = (name) => (value) => go({ [name]: filters[name] === value ? null : value });

async function look(signal) {
  while (!signal.aborted) {
    try {
      const parameters = new URLSearchParams(filters);
      const [now, pipe] = await Promise.all([ask(`v1/live?${parameters}`, { signal }), ask("v1/live/pipeline", { signal })]);
      [view, line] = [now, pipe];
      say(null);
      show();
    } catch (error) {
      if (error.name === "AbortError") return;
      say(error);
      if (!error.passes) view = null; // what is shown is not what is asked for
      $("board").hidden = !view;
    }
    await waited(EVERY, signal);
    while (document.hidden && !signal.aborted) await waited(500, signal);
  }
}

const say = (error) => dispatchEvent(new CustomEvent("trouble", { detail: error }));

function stream() {
  streaming?.();
  streaming = undefined;
  const alive = (yes) => $("pulse").classList.toggle("on", yes);
  alive(false);
  if (paused || document.hidden) return;
  streaming = listen(new URLSearchParams(filters), {
    heard: (found) => {
      alive(true);
      posts($("posts"), found, { empty: "no post fits" });
    },
    broken: () => alive(false),
  });
}

function show() {
  choices();
  strip(line);
  const empty = !view.posts;
  $("nothing").hidden = !empty;
  $("board").hidden = empty;
  if (empty) return nothing();
  numbers(view);
  charts();
  lists(view, line, filters, toggle);
}

function nothing() {
  const filtered = Object.keys(filters).length > 0;
  $("nothing").replaceChildren(
    h("p", { class: "big" }, filtered ? "No post fits." : "No post is here yet."),
    h("p", { class: "quiet" }, filtered ? `${count(line.posts)} posts are in the index.`
      : "Start the line with `make demo` or `make up`; this page fills by itself."),
    filtered ? h("button", { type: "button", onclick: () => (location.hash = "#/live") }, "Show everything") : "");
}

function choices() {
  const fill = (name, counts, describe) => {
    const options = Object.entries(counts);
    if (filters[name] && !(filters[name] in counts)) options.push([filters[name], 0]);
    keyed(form.elements[name], [["", 0], ...options], ([value]) => value, ([value]) => h("option", { value }),
      (option, [value, n]) => (option.textContent = value ? `${describe(value)} (${short(n)})` : "all"));
    form.elements[name].value = filters[name] ?? "";
  };
  fill("platform", view.choices.platforms, (one) => one);
  fill("language", view.choices.languages, (one) => one);
  fill("emotion", view.choices.emotions, faced);
}

function chips() {
  const others = Object.entries(filters).filter(([name]) => !IN_FORM.includes(name) && !(name === "end" && filters.start));
  const described = ([name, value]) => name === "start" || name === "end" ? range(filters)
    : `${SHOWN[name] ?? spoken(name)}: ${name === "topic" || name === "comment_class" ? spoken(value) : value}`;
  $("chosen").replaceChildren(...others.map(([name, value]) => h("button", {
    type: "button", class: "chip chosen", "aria-label": `remove ${described([name, value])}`,
    onclick: () => go(name === "start" || name === "end" ? { start: null, end: null } : { [name]: null }),
  }, h("bdi", {}, described([name, value])), " ✕")));
}

/** A time as people read it; one that cannot be read stays as it was written. */
function clock(value) {
  const at = new Date(/^\d+$/.test(value) ? Number(value) : value);
  return Number.isNaN(at.getTime()) ? value : moment(at.getTime(), 60_000);
}

const range = ({ start, end }) =>
  !end ? `from ${clock(start)}` : !start ? `until ${clock(end)}` : `${clock(start)} to ${clock(end)}`;

function charts() {
  if (!view?.posts) return;
  const neutral = $("neutral").checked || Object.keys(view.emotions).every((label) => label === "neutral");
  const pick = (column) => go({ start: String(column.at), end: String(column.at + view.step) });
  emotions($("timeline"), view, { share, neutral, chosen: filters.emotion, pick });
  mood($("mood"), view, { pick });
  volume($("volume"), view, { pick });
  keyed($("legend"), seriesOf(view, neutral), (label) => label, (label) => h("li", {},
    label === OTHER ? h("span", { class: "quiet" }, OTHER)
      : h("button", { type: "button", onclick: () => toggle("emotion")(label) },
        h("span", { class: "swatch toned", "--c": colour(label), "aria-hidden": "true" }), `${face(label)} ${seriesName(label)}`)),
    (item, label) => item.querySelector("button")?.setAttribute("aria-pressed", String(filters.emotion === label)));
}
