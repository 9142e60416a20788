import { parseSetCookie } from "cookie";

interface Cookie {
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/** A page at which a browser has arrived. */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const redirectsMax = 10;

/** A browser that visits several servers over sockets: cookies by host and path, and redirects between the servers. */
export class WebBrowser {
  #cookies: readonly Cookie[] = [];

  /** Opens an address, and follows every redirect. */
  async open(address: string | URL): Promise<Page> {
    let url = new URL(address);
    for (let redirects = 0; redirects < redirectsMax; redirects += 1) {
      const response = await this.#send(url, { headers: { accept: "text/html" } });
      const { status, headers } = response;
      const location = headers.get("location");
      if (location === null) return { url, status, headers, body: await response.text() };
      await response.body?.cancel();
      url = new URL(location, url);
    }
    throw new Error(`more than ${redirectsMax} redirects from ${address}`);
  }

  /** Sends JSON as a script of a page of that server does. Returns the JSON of the answer. */
  async post(address: string | URL, body: object): Promise<{ readonly status: number; readonly body: unknown }> {
    const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
    const response = await this.#send(new URL(address), { method: "POST", headers, body: JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }

  async #send(url: URL, init: RequestInit): Promise<Response> {
    const sent = this.#cookies.filter(({ host, path }) => host === url.hostname && covers(path, url.pathname));
    const headers = new Headers(init.headers);
    if (sent.length > 0) headers.set("cookie", sent.map(({ name, value }) => `${name}=${value}`).join("; "));
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) this.#store(url.hostname, line);
    return response;
  }

  #store(host: string, line: string): void {
    const { name, value, path = "/", expires, maxAge } = parseSetCookie(line);
    const others = this.#cookies.filter((cookie) => cookie.host !== host || cookie.name !== name || cookie.path !== path);
    const isGone = value === undefined || value === "" || (expires !== undefined && expires.getTime() <= Date.now()) || maxAge === 0;
    this.#cookies = isGone ? others : [...others, { host, name, value, path }];
  }
}

/** RFC 6265 §5.1.4. */
const covers = (path: string, address: string): boolean => address === path || address.startsWith(path.endsWith("/") ? path : `${path}/`);
