// One text: what it feels like, while it is being typed.

import { ask } from "./asking.js";
import { bars } from "./bars.js";
import * as batch from "./batch.js";
import { $, debounced, h, percent, set, spoken } from "./dom.js";
import { gauge } from "./gauge.js";
import { classFace, colour, face, faced, labels, model, use } from "./labels.js";
import { shade, weightiest } from "./shading.js";

const EXAMPLES = [
  "Thank you so much, this made my day!",
  "I can't believe they cancelled it again. Third time this year 😡",
  "Could you please add chapters to your videos? That would help a lot.",
  "My dog died this morning and the house is so quiet.",
];
const FEW = 18;
const LINK = 4000; // characters of a text that a link may hold

const state = { text: "", emotion: null, threshold: null, own: {}, model: null, all: false, result: null };
let asked;
let ready = false;

export function enter(parameters) {
  if (!ready) prepare();
  if (parameters.has("text")) {
    state.text = $("text").value = parameters.get("text");
    const threshold = Number.parseFloat(parameters.get("threshold"));
    state.threshold = threshold >= 0 && threshold <= 1 ? threshold : null;
    state.emotion = labels.byName.has(parameters.get("emotion")) ? parameters.get("emotion") : null;
    state.model = model.models.includes(parameters.get("model")) ? parameters.get("model") : null;
    state.own = ownOf(parameters.get("own"));
  }
  many(parameters.get("mode") === "many");
  if (model.models.length > 1) $("model").value = state.model ?? model.models[0];
  weigh();
}

/** Asks the chosen model, by its own thresholds. */
async function weigh() {
  const chosen = state.model;
  try {
    await use(chosen);
  } catch (error) {
    return say(error);
  }
  if (chosen !== state.model) return undefined; // another was chosen meanwhile
  thresholds();
  return refresh();
}

function prepare() {
  ready = true;
  const soon = debounced(90, refresh);
  state.text = $("text").value;
  $("text").oninput = () => {
    state.text = $("text").value;
    soon();
  };
  $("examples").append(...EXAMPLES.map((text) => h("button", { type: "button", class: "chip", onclick: () => example(text) }, short(text))));
  $("all-emotions").onclick = () => {
    state.all = !state.all;
    $("all-emotions").setAttribute("aria-expanded", String(state.all));
    $("all-emotions").textContent = state.all ? "fewer" : `all ${labels.emotions.length}`;
    show();
  };
  $("threshold").oninput = () => {
    state.threshold = Number($("threshold").value);
    state.own = {};
    moved(soon);
  };
  $("threshold-reset").onclick = () => {
    Object.assign(state, { threshold: null, own: {} });
    moved(refresh);
  };
  $("sliders").append(...labels.emotions.map(slider(soon)));
  if (model.models.length > 1) {
    $("model-choice").hidden = false;
    $("model").append(...model.models.map((name) => h("option", { value: name }, name)));
    $("model").onchange = () => {
      state.model = $("model").value;
      batch.outdated();
      weigh();
    };
  }
  $("copy-link").onclick = copyLink;
  $("one-text").onclick = () => (location.hash = "#/try");
  $("many-texts").onclick = () => (location.hash = "#/try?mode=many");
  batch.prepare(() => ({ thresholds: asks().thresholds, model: asks().model }));
}

/** Shows many texts or one; the thresholds and the model are chosen in the same place's own card. */
function many(yes) {
  if (yes) $("many-settings").append($("model-choice"), $("all-thresholds"), $("own"));
  else {
    $("copy-link").before($("model-choice"));
    $("emotions").before($("all-thresholds"));
    $("emotions").after($("own"));
  }
  $("one").hidden = yes;
  $("many").hidden = !yes;
  $("one-text").setAttribute("aria-pressed", String(!yes));
  $("many-texts").setAttribute("aria-pressed", String(yes));
}

/** A threshold was moved: shows it, and asks again. */
function moved(again) {
  thresholds();
  show();
  batch.outdated();
  again();
}

const short = (text) => (text.length > 34 ? `${text.slice(0, 33)}…` : text);

function example(text) {
  state.text = $("text").value = text;
  state.emotion = null;
  refresh();
}

const slider = (soon) => ({ label }) => {
  const input = h("input", { type: "range", min: 0.01, max: 0.99, step: 0.01, id: `own-${label}`, "data-label": label });
  input.oninput = () => {
    state.own = { ...state.own, [label]: Number(input.value) };
    moved(soon);
  };
  return h("div", { class: "slider" },
    h("label", { for: `own-${label}` }, faced(label)), h("output", { for: `own-${label}` }), input);
};

const limit = (label) => state.own[label] ?? state.threshold ?? labels.byName.get(label).threshold;

/** Moves every slider to where its threshold is. */
function thresholds() {
  const changed = Object.keys(state.own).length;
  $("threshold-value").textContent =
    state.threshold === null ? (changed ? "the model's own, but …" : "the model's own") : `${percent(state.threshold)}${changed ? ", but …" : ""}`;
  $("threshold").value = state.threshold ?? 0.5;
  $("threshold").classList.toggle("unset", state.threshold === null);
  $("threshold-reset").hidden = state.threshold === null && !changed;
  for (const input of $("sliders").querySelectorAll("input")) {
    input.value = limit(input.dataset.label);
    input.previousElementSibling.textContent = percent(limit(input.dataset.label));
  }
}

function asks() {
  const every = state.threshold === null ? state.own
    : Object.fromEntries(labels.emotions.map(({ label }) => [label, limit(label)]));
  const given = Object.keys(state.own).length || state.threshold === null ? every : state.threshold;
  return {
    text: state.text,
    explain: true,
    ...(typeof given === "number" || Object.keys(given).length ? { thresholds: given } : {}),
    ...(state.emotion ? { emotion: state.emotion } : {}),
    ...(state.model ? { model: state.model } : {}),
  };
}

/** Asks about the text as it is now; an answer about an older one is dropped. */
async function refresh() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  if (!state.text.trim()) {
    state.result = null;
    show();
    return;
  }
  const text = state.text;
  try {
    const answer = await ask("v1/classify", { body: asks(), signal });
    state.result = { ...answer.results[0], text };
    $("model-name").textContent = answer.model;
    say(null);
    show();
  } catch (error) {
    if (error.name === "AbortError") return;
    say(error);
    if (error.status === 429) setTimeout(() => signal.aborted || refresh(), 1000 * (error.retryAfter || 1));
  }
}

const say = (error) => dispatchEvent(new CustomEvent("trouble", { detail: error }));

function show() {
  const { result } = state;
  $("verdict").classList.toggle("idle", !result);
  hero(result);
  emotions(result);
  reading(result);
  gauge($("gauge"), result?.polarity);
  classes(result);
  $("aside").textContent = result ? aside(result) : "";
}

function hero(result) {
  const primary = result?.primary ?? null;
  set($("verdict"), { "--c": primary ? colour(primary) : "transparent" });
  $("face").textContent = primary ? face(primary) : result ? "🤷" : "💬";
  $("primary").textContent = primary ? `${spoken(primary)} ${percent(result.probabilities[primary])}`
    : result ? "No emotion is sure enough" : "Nothing typed yet";
  const also = (result?.emotions ?? []).filter((one) => one.label !== primary);
  $("also").textContent = also.length ? `also ${also.map((one) => `${faced(one.label)} ${percent(one.probability)}`).join(", ")}`
    : result?.abstained ?? (result ? "" : "Type something, or take an example.");
}

function emotions(result) {
  const chances = result?.probabilities;
  const ranked = [...labels.emotions].sort((a, b) => (chances ? chances[b.label] - chances[a.label] : 0));
  const rows = ranked.slice(0, state.all ? undefined : FEW).map(({ label }) => {
    const chance = chances?.[label] ?? 0;
    const given = Boolean(chances) && chance >= limit(label) && !isSilent(result);
    return {
      key: label, name: spoken(label), face: face(label), colour: colour(label),
      value: chance, shown: chances ? percent(chance) : "–", tick: limit(label), given,
      note: `${spoken(label)}: threshold ${percent(limit(label))}${given ? ", given" : ""}`,
    };
  });
  bars($("emotions"), rows, { pick: choose, chosen: result?.weighing?.emotion });
}

/** Whether the model says nothing of a text, whatever the thresholds: another language, no words. */
const isSilent = (result) => result.abstained && !result.emotions.length && result.polarity.label === null;

function choose(label) {
  state.emotion = state.emotion === label ? null : label;
  refresh();
}

function reading(result) {
  const weighing = result?.weighing;
  $("reading").hidden = !weighing;
  if (!weighing) return;
  $("why").textContent = faced(weighing.emotion);
  shade($("shaded"), result.text, weighing);
  $("weighty").replaceChildren(...weightiest(result.text, weighing));
}

function classes(result) {
  $("classes").replaceChildren(...Object.keys(labels.comment_classes).map((label) => h("li", {
    class: "toned", "--c": colour(label), "aria-current": result?.comment_class === label ? "true" : null,
  }, h("span", { class: "face", "aria-hidden": "true" }, classFace(label)), ` ${spoken(label)}`)));
  $("suggests").textContent = result && result.suggestion !== null ? `proposes something: ${percent(result.suggestion)}` : "";
}

function aside(result) {
  const topics = (result.topics ?? []).map((one) => `${spoken(one.label)} ${percent(one.probability)}`);
  const language = result.language ? `language: ${result.language}` : "";
  return [topics.length ? `about ${topics.join(", ")}` : "", language].filter(Boolean).join(" · ");
}

const ownOf = (text) => Object.fromEntries((text ?? "").split(",")
  .map((one) => one.split(":"))
  .filter(([label, value]) => labels.byName.has(label) && value >= 0 && value <= 1)
  .map(([label, value]) => [label, Number(value)]));

/** Puts all that is seen into the address. It stays in the browser: servers never get what is behind #. */
async function copyLink() {
  const parameters = new URLSearchParams({ text: state.text.slice(0, LINK) });
  if (state.threshold !== null) parameters.set("threshold", state.threshold);
  const own = Object.entries(state.own).map((one) => one.join(":")).join(",");
  if (own) parameters.set("own", own);
  if (state.emotion) parameters.set("emotion", state.emotion);
  if (state.model) parameters.set("model", state.model);
  history.replaceState(null, "", `#/try?${parameters}`);
  const cut = state.text.length > LINK ? " (the text is cut)" : "";
  let said = `Copied${cut}`;
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    said = `In the address bar${cut}`; // a page that is no secure context may not copy
  }
  $("copy-link").textContent = said;
  setTimeout(() => ($("copy-link").textContent = "Copy link"), 2000);
}
