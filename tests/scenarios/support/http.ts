import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
type AnyBody = any;

export interface Answer {
  /** 0 without an answer. */
  readonly status: number;
  readonly body: AnyBody;
  /** The value of `x-gatehouse-revision`. */
  readonly revision: string | undefined;
  /** Milliseconds of `performance.now()`. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** 1, or 2 if the first one was answered with 503 or not at all. */
  readonly tries: number;
}

export interface Request {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly retry?: boolean;
}

/** A recorded request. */
export interface Seen {
  readonly route: string;
  readonly status: number;
  /** The time of both attempts and the pause. */
  readonly tookMs: number;
  readonly endedAt: number;
  readonly tries: number;
  /** The result and time of each attempt; empty if the first one was answered. */
  readonly attempts: string;
}

/** Longer than the product's own limits, so that the product's answer is measured. */
const answerWithinMs = 30_000;
/** The pause of a client before a retry. */
const retryAfterMs = 150;

/**
 * Calls the product through its gateways in turn, as behind a load balancer. A failed request is sent once more to the next gateway, with
 * the same Idempotency-Key.
 */
export class HttpClient {
  readonly seen: Seen[] = [];
  readonly #urls: readonly string[];
  #turn = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  async call(route: string, request: Request = {}): Promise<Answer> {
    const key = randomUUID();
    this.#turn += 1;
    const turn = this.#turn;
    let answer = await this.#once(route, request, { key, tries: 1, turn });
    const { beganAt } = answer;
    let attempts = hasFailed(answer) ? describeAttempt(answer, beganAt) : "";
    if (isUnavailable(answer) && request.retry !== false) {
      await pause(retryAfterMs);
      answer = await this.#once(route, request, { key, tries: 2, turn: turn + 1 });
      attempts += `, ${describeAttempt(answer, beganAt)}`;
    }
    this.seen.push({
      route: shapeOf(route),
      status: answer.status,
      tookMs: answer.endedAt - beganAt,
      endedAt: answer.endedAt,
      tries: answer.tries,
      attempts,
    });
    return answer;
  }

  /** Repeats a call until its status is one of those; throws on another status, or after the time limit. */
  async must(statuses: number | readonly number[], route: string, request: Request = {}, withinMs = 30_000): Promise<Answer> {
    const wanted = [statuses].flat();
    const deadline = performance.now() + withinMs;
    for (;;) {
      const answer = await this.call(route, request);
      if (wanted.includes(answer.status)) return answer;
      if (!isUnavailable(answer) || performance.now() > deadline)
        throw new Error(`${route}: expected ${wanted.join(" or ")}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
      await pause(retryAfterMs);
    }
  }

  async #once(
    route: string,
    { token, body }: Request,
    { key, tries, turn }: { readonly key: string; readonly tries: number; readonly turn: number },
  ): Promise<Answer> {
    const [method, path] = route.split(" ") as [string, string];
    const url = `${this.#urls[turn % this.#urls.length]}${path}`;
    const beganAt = performance.now();
    try {
      const response = await fetch(url, {
        method,
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(method === "POST" ? { "idempotency-key": key } : {}),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(answerWithinMs),
      });
      const text = await response.text();
      const revision = response.headers.get("x-gatehouse-revision") ?? undefined;
      return {
        status: response.status,
        body: text === "" ? null : JSON.parse(text),
        revision,
        beganAt,
        endedAt: performance.now(),
        tries,
      };
    } catch (error) {
      return { status: 0, body: String((error as Error).cause ?? error), revision: undefined, beganAt, endedAt: performance.now(), tries };
    }
  }
}

/** True without an answer, or with one that suggests a retry: the outcome is unknown. */
export const isUnavailable = ({ status }: { readonly status: number }): boolean => status === 0 || status === 503 || status === 502;

/** True without an answer, or with a server error. */
export const hasFailed = ({ status }: { readonly status: number }): boolean => status === 0 || status >= 500;

const describeAttempt = ({ status, body, beganAt, endedAt }: Answer, from: number): string => {
  const why = status === 0 ? String(body) : status < 400 ? "" : JSON.stringify(body?.error ?? body);
  return `${status} from ${Math.round(beganAt - from)} to ${Math.round(endedAt - from)} ms ${why}`.trimEnd();
};

/** The route without the ids in it. */
const shapeOf = (route: string): string => route.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ":id").replace(/\?.*$/, "");
