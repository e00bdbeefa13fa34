// The server's HTTP interface: one function per request, and Problem for whatever goes wrong.
// Knows nothing of WebRTC or the page. Addresses are relative to the page's <base>: a proxy may show it below a prefix.

const PATIENCE_MS = 8000; // an answer needs well under a second; longer means that nobody is there

/** An error as the server words it (RFC 9457), or as we word the server's silence (status 0). */
export class Problem extends Error {
  /** @param {{title: string, detail?: string, status?: number, retryAfter?: number | null, reason?: string}} told */
  constructor({ title, detail = "", status = 0, retryAfter = null, reason = "" }) {
    super(title);
    this.name = "Problem";
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.retryAfter = retryAfter; // ms, or null
    this.reason = reason; // why a session is gone (status 410), as the server names it
  }

  /** Trying the same again may help: nobody answered, or the server said "not now". */
  get isPassing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const UNREACHABLE = {
  title: "The server does not answer",
  detail: "Check that Lipcast is running and that this device is online.",
};

/**
 * @param {string} method
 * @param {string} url
 * @param {{body?: object, signal?: AbortSignal | null, keepalive?: boolean}} [options]
 * @returns {Promise<any>} the answer's JSON; null for 204
 */
async function request(method, url, { body, signal = null, keepalive = false } = {}) {
  const deadline = withDeadline(signal, PATIENCE_MS);
  /** @type {RequestInit} */
  const options = {
    method,
    keepalive,
    cache: "no-store",
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
    signal: deadline.signal,
  };
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (!deadline.signal.aborted && !isNetworkError(error)) throw error; // a mistake of this page: not the server's
    throw new Problem(UNREACHABLE);
  } finally {
    deadline.clear();
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

/**
 * A signal that aborts with `signal` or after `ms`. AbortSignal.any would do it, but Safari before 17.4 and Firefox
 * before 124 do not have it.
 * @param {AbortSignal | null} signal
 * @param {number} ms
 */
function withDeadline(signal, ms) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  const timer = setTimeout(() => controller.abort(new DOMException("no answer in time", "TimeoutError")), ms);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  return {
    signal: controller.signal,
    clear() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    },
  };
}

/**
 * fetch() rejects with a TypeError when no answer came (Fetch standard, "network error"); so that a TypeError of our
 * own is not taken for one, nothing else happens in the `try` around it.
 * @param {unknown} error
 */
function isNetworkError(error) {
  return error instanceof TypeError;
}

async function problemOf(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  const retryAfter = seconds > 0 ? seconds * 1000 : null;
  const isProblem = (response.headers.get("Content-Type") ?? "").includes("problem+json");
  const told = isProblem ? await response.json() : {};
  return new Problem({
    title: told.title ?? "The server refused",
    detail: told.detail ?? `It answered ${response.status} ${response.statusText}`.trim() + ".",
    status: response.status,
    retryAfter,
    reason: told.reason,
  });
}

export const readConfig = (signal) => request("GET", "api/config", { signal });
/** {avatars, skipped}: skipped are the names of those whose files are damaged. */
export const listAvatars = (signal) => request("GET", "api/avatars", { signal });
export const readReadiness = (signal) => request("GET", "readyz", { signal });

/** previous: the id of the session that this one continues, so that its viewers find it again; or undefined. */
export const openSession = (sdp, avatar, previous, signal) =>
  request("POST", "api/sessions", { body: { type: "offer", sdp, avatar, previous }, signal });
export const openViewer = (sdp, watchId, signal) =>
  request("POST", `api/watch/${encodeURIComponent(watchId)}`, { body: { type: "offer", sdp }, signal });

export const readSession = (url, signal) => request("GET", url, { signal });
export const setMuted = (url, muted) => request("PATCH", url, { body: { muted } });
export const interrupt = (url) => request("POST", `${url}/interrupt`);

/** Ends a session or a viewer. `keepalive` lets the request outlive the page. */
export async function end(url) {
  try {
    await request("DELETE", url, { keepalive: true });
  } catch (error) {
    if (!(error instanceof Problem)) throw error; // gone already, or nobody there: ended either way
  }
}
