import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import { parseSetCookie } from "cookie";
import { expect } from "vitest";
import { type Person, password } from "./people.ts";

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
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = Omit<Page, "url">;

interface Sent {
  readonly method?: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

const redirectsMax = 10;

/** A server may answer the request of a script otherwise (Fetch Metadata). */
const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

/** A browser that visits several servers over sockets: cookies by host and path, and redirects between the servers. */
export class WebBrowser {
  #cookies: readonly Cookie[] = [];

  /** Opens an address, and follows every redirect. */
  open(address: string | URL): Promise<Page> {
    return this.#follow(new URL(address), { headers: navigation });
  }

  /** Submits a form of a page of that server, and follows every redirect. */
  submit(address: string | URL, fields: Readonly<Record<string, string>> = {}): Promise<Page> {
    const url = new URL(address);
    const type = "application/x-www-form-urlencoded";
    const headers = { ...navigation, origin: url.origin, "content-type": type, "sec-fetch-site": "same-origin" };
    return this.#follow(url, { method: "POST", headers, body: new URLSearchParams(fields).toString() });
  }

  /** Sends JSON as a script of a page of that server does. Returns the JSON of the answer, null for none. */
  async post(address: string | URL, body: object): Promise<{ readonly status: number; readonly body: unknown }> {
    const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
    const answer = await this.#send(new URL(address), { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, body: answer.body === "" ? null : JSON.parse(answer.body) };
  }

  async #follow(first: URL, sent: Sent): Promise<Page> {
    let [url, answer] = [first, await this.#send(first, sent)];
    for (let redirects = 0; redirects < redirectsMax; redirects += 1) {
      const { location } = answer.headers;
      if (location === undefined) return { url, ...answer };
      url = new URL(location, url);
      answer = await this.#send(url, { headers: navigation });
    }
    throw new Error(`more than ${redirectsMax} redirects from ${first}`);
  }

  async #send(url: URL, { method = "GET", headers, body }: Sent): Promise<Answer> {
    const sent = this.#cookies.filter(({ host, path }) => host === url.hostname && covers(path, url.pathname));
    const cookie = sent.map(({ name, value }) => `${name}=${value}`).join("; ");
    const call = request(url, { method, headers: { ...headers, ...(cookie === "" ? {} : { cookie }) } });
    call.end(body);
    const [response] = (await once(call, "response")) as [IncomingMessage];
    for (const line of response.headers["set-cookie"] ?? []) this.#store(url.hostname, line);
    return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) };
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

const pagesMax = 5;

/** The user signs in and consents on the provider's pages, until it sends them elsewhere. Returns where, and what they were asked for. */
export async function passPages(browser: WebBrowser, first: Page, { email }: Pick<Person, "email">) {
  const shown: string[] = [];
  let page = first;
  while (page.url.pathname.startsWith("/oauth2/interaction/") && shown.length < pagesMax) {
    const { prompt } = JSON.parse((await browser.open(`${page.url}/details`)).body) as { readonly prompt: string };
    shown.push(prompt);
    if (prompt === "login") expect((await browser.post(new URL("/api/v1/iam/auth/login", page.url), { email, password })).status).toBe(200);
    const { status, body } = await browser.post(page.url, { action: prompt === "login" ? "continue" : "allow" });
    expect(status, JSON.stringify(body)).toBe(200);
    page = await browser.open(new URL((body as { readonly redirectTo: string }).redirectTo, page.url));
  }
  return { page, shown };
}
