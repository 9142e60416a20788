import { parseSetCookie } from "cookie";

/** Where a browser stops: a page, an error, or an address that it is told not to follow. */
export interface Stop {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const redirectsMax = 10;

/** That of Node, also where a test replaces the global one. */
const send = globalThis.fetch;

/** A browser on sockets. Like a real one it keeps cookies by host name, whatever the port, and follows redirects with GET. */
export class Browser {
  readonly #cookies = new Map<string, string>();

  /** Opens an address, and follows redirects until one leads below `until`. */
  open(address: string | URL, until?: string): Promise<Stop> {
    return this.#follow(new URL(address), { method: "GET" }, until);
  }

  /** Sends a form of a page of this site. */
  submit(address: string, fields: Readonly<Record<string, string>> = {}, until?: string): Promise<Stop> {
    const { origin } = new URL(address);
    const headers = { origin, "content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin" };
    return this.#follow(new URL(address), { method: "POST", headers, body: new URLSearchParams(fields).toString() }, until);
  }

  /** A request of a page's script to its own site. Throws where it does not succeed. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer has the form that the test asserts
  async call(address: string, body?: object): Promise<any> {
    const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
    const request = body === undefined ? { method: "GET" } : { method: "POST", headers, body: JSON.stringify(body) };
    const response = await this.#send(new URL(address), request);
    const text = await response.text();
    if (!response.ok) throw new Error(`${address}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  async #follow(first: URL, firstRequest: RequestInit, until?: string): Promise<Stop> {
    let [url, request] = [first, firstRequest];
    for (let redirects = 0; redirects < redirectsMax; redirects += 1) {
      const response = await this.#send(url, request);
      const location = response.headers.get("location");
      if (location === null) return { url, status: response.status, headers: response.headers, body: await response.text() };
      await response.body?.cancel();
      url = new URL(location, url);
      request = { method: "GET" };
      if (until !== undefined && url.href.startsWith(until)) return { url, status: 0, headers: new Headers(), body: "" };
    }
    throw new Error(`more than ${redirectsMax} redirects from ${first}`);
  }

  async #send(url: URL, request: RequestInit): Promise<Response> {
    const here = `${url.hostname} `;
    const sent = [...this.#cookies].filter(([key]) => key.startsWith(here)).map(([key, value]) => `${key.slice(here.length)}=${value}`);
    const headers = { ...(request.headers as Record<string, string> | undefined), ...(sent.length > 0 && { cookie: sent.join("; ") }) };
    const response = await send(url, { ...request, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const { name, value, maxAge, expires } = parseSetCookie(line);
      const isGone = value === undefined || maxAge === 0 || (expires !== undefined && expires.getTime() <= Date.now());
      if (isGone) this.#cookies.delete(here + name);
      else this.#cookies.set(here + name, value);
    }
    return response;
  }
}
