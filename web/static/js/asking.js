// Questions to the server, and its problems as one sentence.

const AGAIN = 5000; // milliseconds before a stream that was refused is asked for again
const EVERY = 2000; // milliseconds between two looks at the latest posts, without a stream
const STREAMS = ["stream 1", "stream 2"]; // a browser has six connections to one server, for all its windows

export class Problem extends Error {
  constructor(status, detail, retryAfter = 0) {
    super(detail);
    Object.assign(this, { status, retryAfter });
  }

  /** Whether the same question may be answered later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Waits, or ends early when `signal` says so. */
export const waited = (milliseconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, milliseconds);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  }, { once: true });
});

/** Asks, and gives the JSON of the answer; throws a Problem. A key, where one is asked for, the browser knows. */
export async function ask(path, { body, signal } = {}) {
  const asked = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, { ...asked, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server does not answer. Is it still running?");
  }
  if (!response.ok) throw await problem(response);
  return response.json();
}

async function problem(response) {
  const said = await response.json().catch(() => ({}));
  const fields = (said.errors ?? []).map((one) => `${one.field}: ${one.detail}`).join("; ");
  const detail = [said.detail ?? `status ${response.status}`, fields].filter(Boolean).join(": ");
  return new Problem(response.status, detail, Number(response.headers.get("Retry-After")) || 0);
}

/** Hears the latest posts, whatever breaks meanwhile: streamed, or asked for where the browser's streams are taken. Gives what ends it. */
export function listen(query, { heard, broken }) {
  const ending = new AbortController();
  const { signal } = ending;
  (async () => {
    while (!signal.aborted) {
      if (await spared(() => streamed(`v1/live/stream?${query}`, { heard, broken, signal }))) continue;
      try {
        const { posts } = await ask(`v1/live/posts?${query}`, { signal });
        if (!signal.aborted) heard(posts);
      } catch (error) {
        if (error.name !== "AbortError") broken();
      }
      await waited(EVERY, signal);
    }
  })();
  return () => ending.abort();
}

/** Does the work while this page holds one of the streams that all pages of the browser share; says whether one was free. */
async function spared(work) {
  for (const name of STREAMS) {
    if (await navigator.locks?.request(name, { ifAvailable: true }, (lock) => lock && work().then(() => true))) return true;
  }
  return false;
}

/** Hears a stream until the signal. */
const streamed = (path, { heard, broken, signal }) => new Promise((resolve) => {
  if (signal.aborted) return resolve();
  let source, timer;
  const open = () => {
    source = new EventSource(path);
    source.addEventListener("posts", (event) => heard(JSON.parse(event.data)));
    source.addEventListener("problem", broken);
    source.onerror = () => {
      broken();
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN);
    };
  };
  open();
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source.close();
    resolve();
  }, { once: true });
});
