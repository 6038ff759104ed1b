// Elements, without ever reading markup: a text is always a text.

export const $ = (id) => document.getElementById(id);

/** Makes an element: `h("li", {class: "x", onclick: f, "--w": "3%"}, "text", child)`. */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

export function svg(tag, props = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), props, children);
}

function filled(element, props, children) {
  set(element, props);
  element.append(...children.flat().filter((one) => one !== null && one !== undefined));
  return element;
}

/** Sets attributes, listeners (`on…`) and custom properties (`--…`); null takes one away. */
export function set(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("--")) element.style.setProperty(name, value);
    else if (name.startsWith("on")) element[name] = value;
    else if (value === null || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : value);
  }
  return element;
}

/**
 * Makes the children of `host` fit `items`, each under its key: what is there already is kept, so
 * that focus and selection survive a refresh.
 */
export function keyed(host, items, keyOf, make, update) {
  const known = new Map([...host.children].map((child) => [child.dataset.key, child]));
  const focused = host.contains(document.activeElement) ? document.activeElement : null;
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const element = known.get(key) ?? make(item);
    element.dataset.key = key;
    update?.(element, item);
    return element;
  });
  const stay = new Set(wanted);
  for (const child of [...host.children]) if (!stay.has(child)) child.remove();
  wanted.forEach((element, place) => {
    if (host.children[place] !== element) host.insertBefore(element, host.children[place] ?? null);
  });
  if (focused && focused !== document.activeElement && host.contains(focused)) focused.focus({ preventScroll: true });
}

export const percent = (share) =>
  share > 0 && share < 0.01 ? "<1%" : `${Math.round(100 * share)}%`;

export const count = (n) => (n ?? 0).toLocaleString("en-GB");

/** 12,345,678 as "12.3 M". */
export const short = (n) =>
  new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 }).format(n ?? 0);

export const signed = (x, digits = 2) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(digits)}`;

/** The name of a label as people write it. */
export const spoken = (label) => label.replaceAll("_", " ");

export const debounced = (milliseconds, act) => {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
};
