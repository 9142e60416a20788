import { randomBytes } from "node:crypto";
import { parseSetCookie } from "cookie";
import * as openid from "openid-client";
import { expectOk } from "./answers.ts";
import { anAddress, type Person, password, unique } from "./people.ts";
import type { Answer, AnyBody, TestServer } from "./server.ts";

export const issuer = "http://127.0.0.1:8080";
export const callback = "https://app.example/callback";

/** Settings of a server whose first start creates the key that a product has by default. Started databases of the tests have another one. */
export const defaultSigningKey = (): Readonly<Record<string, string>> => ({
  GATEHOUSE_MASTER_KEY: randomBytes(32).toString("base64"),
  GATEHOUSE_TOKEN_ALGORITHM: "RS256",
});

/** A client of the tests: its settings, and its secret where it has one. */
export interface TestClient {
  readonly id: string;
  readonly secret: string | undefined;
}

/** Creates a global client, by default a confidential one whose users are asked for consent. */
export async function newClient(server: TestServer, administrator: Person, settings: object = {}): Promise<TestClient> {
  const body = {
    organizationId: null,
    kind: "confidential",
    name: `Library ${unique()}`,
    scopes: ["openid", "profile", "email", "offline_access"],
    redirectUris: [callback],
    ...settings,
  };
  const { id, clientSecret } = await expectOk(server.call("POST /api/v1/clients", { token: administrator.token, body }));
  return { id, secret: clientSecret ?? undefined };
}

/** The requests of a relying party, answered by the server of the test without a socket. */
export const fetchOf =
  ({ http }: Pick<TestServer, "http">, from = anAddress()) =>
  async (url: string, { method = "GET", headers, body }: RequestInit = {}): Promise<Response> => {
    const { pathname, search } = new URL(url);
    const payload = body === undefined || body === null ? undefined : body instanceof Uint8Array ? Buffer.from(body) : String(body);
    const answer = await http.inject({
      method: method as "GET",
      url: pathname + search,
      headers: Object.fromEntries(new Headers(headers as Record<string, string>)),
      remoteAddress: from,
      ...(payload === undefined ? {} : { payload }),
    });
    const given = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) for (const one of [value ?? []].flat()) given.append(name, String(one));
    return new Response(answer.statusCode === 204 ? null : answer.rawPayload, { status: answer.statusCode, headers: given });
  };

/** The configuration of `openid-client` for a client, by discovery. */
export function relyingParty(
  server: Pick<TestServer, "http">,
  { id, secret }: TestClient,
  auth?: openid.ClientAuth,
): Promise<openid.Configuration> {
  const authentication = auth ?? (secret === undefined ? openid.None() : openid.ClientSecretBasic(secret));
  return openid.discovery(new URL(issuer), id, undefined, authentication, {
    [openid.customFetch]: fetchOf(server) as openid.CustomFetch,
    execute: [openid.allowInsecureRequests],
  });
}

/** A page or a redirect to another site, where a browser stops. */
export interface Stop {
  readonly url: URL;
  readonly status: number;
  readonly body: string;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
}

const redirectsMax = 10;

/** A browser: cookies by path, redirects, and the requests of pages. */
export class Browser {
  readonly #server: Pick<TestServer, "http">;
  readonly #from = anAddress();
  #cookies: readonly Cookie[] = [];

  constructor(server: Pick<TestServer, "http">) {
    this.#server = server;
  }

  /** A browser in which the user has signed in. */
  static async signedIn(server: TestServer, { email }: Pick<Person, "email">, organizationId?: string): Promise<Browser> {
    const browser = new Browser(server);
    await browser.signIn(email, organizationId);
    return browser;
  }

  async signIn(email: string, organizationId?: string): Promise<void> {
    const body = { email, password, ...(organizationId === undefined ? {} : { organizationId }) };
    await expectOk(this.post("/api/v1/iam/auth/login", body));
  }

  cookie(name: string): string | undefined {
    return this.#cookies.find((cookie) => cookie.name === name)?.value;
  }

  /** Opens an address, and follows redirects of the server until a page, an error, or another site. */
  async open(address: string | URL): Promise<Stop> {
    let url = new URL(address, issuer);
    for (let redirects = 0; redirects < redirectsMax; redirects += 1) {
      if (url.origin !== issuer) return { url, status: 0, body: "" };
      const { status, headers, body } = await this.#send("GET", url.pathname + url.search);
      if (headers["location"] === undefined) return { url, status, body: String(body) };
      url = new URL(String(headers["location"]), url);
    }
    throw new Error(`more than ${redirectsMax} redirects from ${address}`);
  }

  get<Body = AnyBody>(path: string): Promise<Answer<Body>> {
    return this.#send("GET", path);
  }

  post<Body = AnyBody>(path: string, body: object, headers: Readonly<Record<string, string>> = {}): Promise<Answer<Body>> {
    return this.#send("POST", path, JSON.stringify(body), {
      "content-type": "application/json",
      "sec-fetch-site": "same-origin",
      ...headers,
    });
  }

  submit<Body = AnyBody>(path: string, form: Readonly<Record<string, string>>): Promise<Answer<Body>> {
    const type = "application/x-www-form-urlencoded";
    return this.#send("POST", path, new URLSearchParams(form).toString(), { "content-type": type, "sec-fetch-site": "same-origin" });
  }

  async #send<Body>(
    method: "GET" | "POST",
    path: string,
    payload?: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<Body>> {
    const sent = this.#cookies.filter((cookie) => covers(cookie.path, path.split("?", 1)[0] as string));
    const cookie = sent.map(({ name, value }) => `${name}=${value}`).join("; ");
    const accept = method === "GET" ? "text/html" : "application/json";
    const answer = await this.#server.http.inject({
      method,
      url: path,
      remoteAddress: this.#from,
      headers: { accept, ...(cookie === "" ? {} : { cookie }), ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
    for (const line of [answer.headers["set-cookie"] ?? []].flat()) this.#store(line);
    const isJson = answer.body !== "" && String(answer.headers["content-type"] ?? "").startsWith("application/json");
    return { status: answer.statusCode, body: (isJson ? answer.json() : answer.body) as Body, headers: answer.headers };
  }

  #store(line: string): void {
    const { name, value, path = "/", expires, maxAge } = parseSetCookie(line);
    const others = this.#cookies.filter((cookie) => cookie.name !== name || cookie.path !== path);
    const isGone = value === undefined || (expires !== undefined && expires.getTime() <= Date.now()) || maxAge === 0;
    this.#cookies = isGone ? others : [...others, { name, value, path }];
  }
}

/** RFC 6265 §5.1.4. */
const covers = (path: string, address: string): boolean => address === path || address.startsWith(path.endsWith("/") ? path : `${path}/`);

/** An authorization request of a relying party, and what it needs to complete it. */
export interface Authorization {
  readonly url: URL;
  readonly checks: openid.AuthorizationCodeGrantChecks;
}

export async function authorizationRequest(
  configuration: openid.Configuration,
  parameters: Readonly<Record<string, string>> = {},
): Promise<Authorization> {
  const pkceCodeVerifier = openid.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [openid.randomState(), openid.randomNonce()];
  const scope = parameters["scope"] ?? "openid profile email";
  const isOpenid = scope.split(" ").includes("openid");
  const all = {
    redirect_uri: callback,
    scope,
    state: expectedState,
    ...(isOpenid ? { nonce: expectedNonce } : {}),
    code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    ...parameters,
  };
  const checks = { pkceCodeVerifier, expectedState, ...(isOpenid ? { expectedNonce } : {}) };
  return { url: openid.buildAuthorizationUrl(configuration, all), checks };
}
