// Posts as a list: who, when, what it feels like, and each word with its weight.

import { count, h, keyed, percent, spoken } from "./dom.js";
import { classFace, colour, faced } from "./labels.js";
import { shade } from "./shading.js";

/** Shows posts; those that were not there at the last time arrive with a motion. */
export function posts(host, found, { empty = "no post yet", suggestion = false } = {}) {
  if (!found.length) {
    host.replaceChildren(h("li", { class: "quiet" }, empty));
    return;
  }
  const first = !host.querySelector(".post");
  keyed(host, found, (post) => post.id + post.ingested, (post) => make(post, { fresh: !first, suggestion }));
}

function make(post, { fresh, suggestion }) {
  const text = h("p", { class: "shaded", dir: "auto" });
  shade(text, post.text, post.weighing);
  if (post.cut) text.append(` … (${count(post.cut)} more characters)`);
  const said = post.primary ? `${faced(post.primary)} ${percent(post.confidence)}`
    : post.abstained ?? "no emotion";
  return h("li", { class: `post toned${fresh ? " fresh" : ""}`, "--c": post.primary ? colour(post.primary) : "#8a9099" },
    h("p", { class: "about" },
      h("strong", {}, said),
      suggestion && post.suggestion !== null ? h("span", {}, `proposes something ${percent(post.suggestion)}`) : null,
      post.comment_class ? h("span", {}, `${classFace(post.comment_class)} ${spoken(post.comment_class)}`) : null,
      post.name ? h("bdi", {}, post.name) : null,
      h("span", {}, post.platform ?? ""),
      h("time", { datetime: post.at }, when(post.at)),
      post.url ? h("a", { href: post.url, target: "_blank", rel: "noopener noreferrer nofollow" }, "open") : null),
    text);
}

const TIME = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const when = (at) => `${TIME.format(new Date(at))} UTC`;
