import { words } from "./words.js";

/**
 * Calls an operation with the browser's cookie. Never rejects: resolves to `{ ok: true, body }`, or to `{ ok: false, failure }` with
 * the fields of the error envelope (`code`, `message`, `details`, `traceId`), `status` and `retryAfterSeconds`.
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
  // A proxy's answer has no error envelope.
  const retryAfterSeconds = Number(answer.headers.get("retry-after") ?? 0);
  return failed({ message: words.unexpected, ...body?.error, status: answer.status, retryAfterSeconds });
}

const failed = (failure) => ({ ok: false, failure: { details: [], ...failure } });
