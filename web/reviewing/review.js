// One post after another: single keys choose its labels, and each answer is sent at once.

const part = (id) => document.getElementById(id);
const name = part("by");
let posts = [], place = 0, chosen = new Set(), keys = {}, busy = false, blind = false;

part("who").addEventListener("submit", async (event) => {
  event.preventDefault();
  await load();
});

async function load() {
  say("Choosing posts …");
  blind = part("blind").checked;
  const found = await ask(`/v1/review?by=${encodeURIComponent(name.value)}${blind ? "&blind=1" : ""}`);
  if (!found) return;
  posts = found.posts;
  place = 0;
  keys = Object.fromEntries(found.labels.map((one) => [one.key, one.label]));
  part("help").textContent = blind ? "No label is chosen yet." : "The model's labels are chosen already.";
  part("model").textContent = `Model ${found.model}.`;
  part("labels").replaceChildren(...found.labels.map(button));
  name.readOnly = true;
  part("blind").blur();
  name.blur(); // letters are for labels now
  open();
}

function button({ label, emoji, key }) {
  const made = document.createElement("button"), hint = document.createElement("kbd");
  hint.textContent = key;
  made.dataset.label = label;
  made.append(`${emoji} ${label}`, hint);
  made.addEventListener("click", () => toggle(label));
  return made;
}

function open() {
  const post = posts[place];
  part("post").hidden = !post;
  if (!post) return say(posts.length ? "All answered. Begin again for more." : "No post is left to answer.");
  say(`${place + 1} of ${posts.length}`);
  chosen = new Set(post.chosen ?? post.labels);
  part("why").textContent = post.why;
  part("text").textContent = post.text;
  part("back").disabled = place === 0;
  show();
}

function show() {
  for (const one of part("labels").children) {
    one.setAttribute("aria-pressed", String(chosen.has(one.dataset.label)));
  }
}

function toggle(label) {
  if (!chosen.delete(label)) chosen.add(label);
  show();
}

async function answer(labels) {
  if (busy || !posts[place]) return;
  if (labels && !labels.length) return say("Give at least one label: neutral says that there is no emotion.");
  busy = true;
  const kept = await ask("/v1/review", { by: name.value, post: posts[place].post, labels, blind });
  busy = false;
  if (!kept) return;
  posts[place].chosen = labels ?? posts[place].labels;
  place += 1;
  open();
}

function back() {
  if (place > 0) {
    place -= 1;
    open();
  }
}

async function ask(path, body) {
  const options = body && {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  try {
    const got = await fetch(path, options);
    if (got.status === 204) return {};
    const content = await got.json();
    if (got.ok) return content;
    say(content.detail ?? `The server says ${got.status}.`);
  } catch {
    say("The server does not answer.");
  }
  return null;
}

function say(sentence) {
  part("said").textContent = sentence;
}

const save = () => answer([...chosen]);
part("save").addEventListener("click", save);
part("skip").addEventListener("click", () => answer(null));
part("back").addEventListener("click", back);

document.addEventListener("keydown", (event) => {
  if (part("post").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  const pressed = { Enter: save, " ": () => answer(null), Backspace: back }[event.key];
  const onButton = event.target instanceof HTMLButtonElement && event.key !== "Backspace";
  if (pressed && !onButton) {
    event.preventDefault();
    pressed();
  } else if (keys[event.key.toLowerCase()]) {
    toggle(keys[event.key.toLowerCase()]);
  }
});
