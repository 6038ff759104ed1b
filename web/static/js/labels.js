// The labels as the server shows them: the same emoji and colours everywhere.

import { ask } from "./asking.js";
import { spoken } from "./dom.js";

const GREY = "#8a9099";

export const labels = { emotions: [], byName: new Map(), polarity: {}, comment_classes: {}, topics: [] };
export const model = { models: [], texts: 1000, characters: 0 };

let loading;

/** Loads the labels and the models, once; a failure may be tried again. */
export function load() {
  loading ??= Promise.all([ask("v1/labels"), ask("v1/model")])
    .then(([said, models]) => {
      Object.assign(labels, said);
      labels.byName = new Map(said.emotions.map((one) => [one.label, one]));
      Object.assign(model, models);
    })
    .catch((error) => {
      loading = undefined;
      throw error;
    });
  return loading;
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
