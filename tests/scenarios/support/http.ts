import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked into
type AnyBody = any;

export interface Answer {
  /** 0 where no answer came. */
  readonly status: number;
  readonly body: AnyBody;
  /** What `x-gatehouse-revision` said. */
  readonly revision: string | undefined;
  /** Milliseconds of the process's clock, as `performance.now()`. */
  readonly beganAt: number;
  readonly endedAt: number;
  /** 1, or 2 where the first one was refused as unavailable or stayed without an answer. */
  readonly tries: number;
}

export interface Request {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly retry?: boolean;
}

/** One request as the observer remembers it. */
export interface Seen {
  readonly route: string;
  readonly status: number;
  /** Of both tries, and the pause between them. */
  readonly tookMs: number;
  readonly endedAt: number;
  readonly tries: number;
  /** What each try was attempts, and when; of one that was answered at once nothing. */
  readonly attempts: string;
}

/** Longer than the product's own limits, so that what is measured is the product's answer. */
const answerWithinMs = 30_000;
/** A client that is told to come again does not come at once. */
const retryAfterMs = 150;

/**
 * The outside's way to the product: through its gateways in turn, as behind a load balancer. A request that could not be
 * answered is sent once more, to the next gateway, with the same Idempotency-Key.
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

  /** Calls until the answer is one of the statuses; throws where another one comes, or nothing better in time. */
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

/** No answer, or one that says that another try may do better: whether it was done is not known. */
export const isUnavailable = ({ status }: { readonly status: number }): boolean => status === 0 || status === 503 || status === 502;

/** Not answered: nothing came, or what came blames the product. */
export const hasFailed = ({ status }: { readonly status: number }): boolean => status === 0 || status >= 500;

const describeAttempt = ({ status, body, beganAt, endedAt }: Answer, from: number): string => {
  const why = status === 0 ? String(body) : status < 400 ? "" : JSON.stringify(body?.error ?? body);
  return `${status} from ${Math.round(beganAt - from)} to ${Math.round(endedAt - from)} ms ${why}`.trimEnd();
};

/** The route without the ids in it. */
const shapeOf = (route: string): string => route.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ":id").replace(/\?.*$/, "");
