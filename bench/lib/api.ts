import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, at, expectAnswer, send, WrongAnswer } from "./http.ts";

export interface Call {
  token?: string;
  body?: unknown;
  /** The expected status. */
  status: number;
}

export interface Mail {
  to: string | string[];
  links: string[];
}

const settleTimeoutMs = 20_000;
const settlePollMs = 100;

/** A client of the product's HTTP API. */
export class Api {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  post(path: string, call: Call): Promise<Answer> {
    return this.#call("POST", path, call);
  }

  get(path: string, call: Call): Promise<Answer> {
    return this.#call("GET", path, call);
  }

  delete(path: string, call: Call): Promise<Answer> {
    return this.#call("DELETE", path, call);
  }

  /** The token in the link of the newest mail to an address whose link's path matches. Mails are sent after the answer. */
  async mailedToken(email: string, path: RegExp): Promise<string> {
    return waitFor(`a mail to ${email} with a link to ${path}`, async () => {
      const inbox = await this.get("/dev/inbox.json", { status: 200 });
      const items = at(inbox, "items");
      if (!Array.isArray(items)) throw new WrongAnswer("GET /dev/inbox.json", "a list in items", inbox);
      const links = (items as Mail[]).filter((mail) => [mail.to].flat().includes(email)).flatMap((mail) => mail.links);
      const link = links.map((text) => new URL(text)).find((url) => path.test(url.pathname));
      return link?.searchParams.get("token") ?? undefined;
    });
  }

  async #call(method: "GET" | "POST" | "DELETE", path: string, call: Call): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (call.token !== undefined) headers["authorization"] = `Bearer ${call.token}`;
    if (call.body !== undefined) headers["content-type"] = "application/json";
    const answer = await send(this.url, {
      method,
      path,
      headers,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
    expectAnswer(`${method} ${path}`, answer, call.status);
    return answer;
  }
}

/** Waits for a condition instead of a fixed time. */
export async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + settleTimeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`waited ${settleTimeoutMs} ms in vain for ${what}`);
    await sleep(settlePollMs);
  }
}
