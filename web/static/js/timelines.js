// The three charts of the live view: emotions, polarity and posts over time.

import { count, percent, short, signed, spoken, svg } from "./dom.js";
import { colour, faced } from "./labels.js";
import { timeChart } from "./timechart.js";

const MOST = 12; // emotions with a colour of their own; more cannot be told apart
export const OTHER = "others";

/** The emotions that the chart shows, the commonest at the bottom, then all others together. */
export function seriesOf(view, neutral) {
  const names = Object.keys(view.emotions).filter((one) => neutral || one !== "neutral");
  const shown = names.slice(0, MOST);
  if (neutral && shown.includes("neutral")) shown.unshift(...shown.splice(shown.indexOf("neutral"), 1));
  return names.length > MOST ? [...shown, OTHER] : shown;
}

const valueOf = (column, label, series, neutral) => {
  if (label !== OTHER) return column.emotions[label] ?? 0;
  return Object.entries(column.emotions)
    .filter(([one]) => !series.includes(one) && (neutral || one !== "neutral"))
    .reduce((sum, [, n]) => sum + n, 0);
};

/** Stacked columns, as posts or as shares of all that have an emotion. */
export function emotions(host, view, { share, neutral, chosen, pick }) {
  const series = seriesOf(view, neutral);
  const rows = view.timeline.map((column) => {
    const values = series.map((label) => valueOf(column, label, series, neutral));
    return { at: column.at, values, sum: values.reduce((a, b) => a + b, 0) };
  });
  const most = share ? 1 : nice(Math.max(1, ...rows.map((one) => one.sum)));
  timeChart(host, {
    title: "Emotions over time", height: 240, ...view, columns: rows, pick,
    describe: (row) => row.values
      .map((n, place) => [series[place], n])
      .filter(([, n]) => n).sort((a, b) => b[1] - a[1])
      .map(([label, n]) => `${label === OTHER ? OTHER : faced(label)} ${count(n)} · ${percent(n / row.sum)}`)
      .join("\n") || "no emotion",
    draw: (plot) => {
      const y = (value) => plot.bottom - (value / most) * (plot.bottom - plot.top);
      for (const part of [0, 0.5, 1]) plot.line(y(part * most), share ? percent(part) : short(part * most));
      for (const row of rows) {
        let below = 0;
        row.values.forEach((n, place) => {
          const value = share ? n / (row.sum || 1) : n;
          if (value) plot.add(segment(plot, row.at, y(below + value), y(below), series[place], chosen));
          below += value;
        });
      }
    },
  });
}

function segment(plot, at, top, bottom, label, chosen) {
  const shape = svg("rect", {
    x: plot.x(at), width: plot.width, y: top, height: Math.max(0.5, bottom - top),
    class: `seg toned${chosen && chosen !== label ? " dim" : ""}`,
  });
  shape.style.setProperty("--c", label === OTHER ? "#8a9099" : colour(label));
  return shape;
}

/** Mean polarity: above the line positive, below it negative. */
export function mood(host, view, { pick }) {
  const rows = view.timeline.filter((one) => one.mood !== null);
  const most = Math.min(1, Math.max(0.25, Math.ceil(Math.max(0, ...rows.map((one) => Math.abs(one.mood))) * 4) / 4));
  timeChart(host, {
    title: "Mean polarity over time", height: 140, ...view, columns: rows, pick,
    describe: (row) => `mean polarity ${signed(row.mood)}\n${count(row.posts)} posts`,
    draw: (plot) => {
      const middle = (plot.top + plot.bottom) / 2;
      const y = (value) => middle - (value / most) * (middle - plot.top);
      plot.line(y(most), signed(most, most % 0.5 ? 2 : 1));
      plot.line(y(-most), signed(-most, most % 0.5 ? 2 : 1));
      for (const row of rows) {
        const shape = svg("rect", {
          x: plot.x(row.at), width: plot.width, y: Math.min(middle, y(row.mood)),
          height: Math.max(1, Math.abs(y(row.mood) - middle)), class: "seg toned",
        });
        shape.style.setProperty("--c", colour(row.mood < 0 ? "negative" : "positive"));
        plot.add(shape);
      }
      plot.line(middle, "0", "zero");
    },
  });
}

export function volume(host, view, { pick }) {
  const most = nice(Math.max(1, ...view.timeline.map((one) => one.posts)));
  timeChart(host, {
    title: "Posts over time", height: 110, ...view, columns: view.timeline, pick,
    describe: (row) => `${count(row.posts)} posts`,
    draw: (plot) => {
      const y = (value) => plot.bottom - (value / most) * (plot.bottom - plot.top);
      plot.line(y(0), "0");
      plot.line(y(most), short(most));
      for (const row of view.timeline) {
        if (!row.posts) continue;
        plot.add(svg("rect", {
          x: plot.x(row.at) + 0.5, width: Math.max(1, plot.width - 1), y: y(row.posts),
          height: plot.bottom - y(row.posts), class: "column",
        }));
      }
    },
  });
}

/** The next round number. */
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((one) => one * power).find((one) => one >= value && (one >= 2 || one % 2 === 0)) ?? value;
}

export const seriesName = (label) => (label === OTHER ? OTHER : spoken(label));
