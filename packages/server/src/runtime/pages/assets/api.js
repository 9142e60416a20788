import { words } from "./words.js";

/**
 * Calls an operation with the browser's cookie. Resolves always: `{ ok: true, body }`, or `{ ok: false, failure }` with
 * what the error envelope says (`status`, `code`, `message`, `details`, `traceId`).
 */
export async function call(method, path, input) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: input === undefined ? {} : { "content-type": "application/json" },
      body: input === undefined ? undefined : JSON.stringify(input),
    });
  } catch {
    return failed({ status: 0, message: words.offline });
  }
  const body = await answer.json().catch(() => undefined);
  if (answer.ok) return { ok: true, body };
  // A proxy in between has no envelope of ours.
  return failed({ details: [], message: words.unexpected, ...body?.error, status: answer.status });
}

const failed = (failure) => ({ ok: false, failure: { details: [], ...failure } });
