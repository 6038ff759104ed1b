// The labels as the server shows them: the same emoji and colours everywhere.

import { ask } from "./asking.js";
import { spoken } from "./dom.js";

const GREY = "#8a9099";

export const labels = { emotions: [], byName: new Map(), polarity: {}, comment_classes: {}, topics: [] };
export const model = { models: [], texts: 1000, characters: 0 };

let loading;
let whose = null; // the model that the thresholds are of

/** Loads the labels and the models, once; a failure may be tried again. */
export function load() {
  loading ??= Promise.all([ask("v1/labels"), ask("v1/model")])
    .then(([said, models]) => {
      Object.assign(model, models);
      take(said, models.models[0]);
    })
    .catch((error) => {
      loading = undefined;
      throw error;
    });
  return loading;
}

/** Takes the thresholds of another model; null is the first. */
export async function use(name) {
  const wanted = name ?? model.models[0];
  if (wanted !== whose) take(await ask(`v1/labels?model=${encodeURIComponent(wanted)}`), wanted);
}

function take(said, name) {
  Object.assign(labels, said);
  labels.byName = new Map(said.emotions.map((one) => [one.label, one]));
  whose = name;
}

const CLASS_FACES = {
  positive: "🙂", negative: "🙁", neutral: "😐", constructive_feedback: "🛠\uFE0F", sadness: "😢",
};

export const face = (label) => labels.byName.get(label)?.emoji ?? "";
export const classFace = (label) => CLASS_FACES[label] ?? "";
export const colour = (label) =>
  labels.byName.get(label)?.colour ?? labels.polarity[label] ?? labels.comment_classes[label] ?? GREY;

/** "🙏 gratitude" */
export const faced = (label) => `${face(label)} ${spoken(label)}`.trim();
