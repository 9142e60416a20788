import { expectOk } from "@gatehouse/testing/answers.ts";
import {
  authorizationRequest,
  Browser,
  defaultSigningKey,
  fetchOf,
  issuer,
  newClient,
  relyingParty,
  type Stop,
  type TestClient,
} from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import type { TestServer } from "@gatehouse/testing/server.ts";
import { ofSuite, serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodeProtectedHeader, type ProtectedHeaderParameters } from "jose";
import * as openid from "openid-client";

/** A relying party of the conformance suite with its user, and the provider with the signing algorithm that it has by default. */
export interface Party {
  readonly server: TestServer;
  readonly administrator: Person;
  readonly person: Person;
  readonly client: TestClient;
  readonly configuration: openid.Configuration;
}

export const postLogoutRedirect = "https://app.example/signed-out";

/** The party of the suite that calls this. `settings` are those of its client, read when the suite starts. */
export function partyOfSuite(settings: () => object = () => ({})): () => Party {
  const server = serverOfSuite(defaultSigningKey());
  return ofSuite(async () => {
    const administrator = await newAdministrator(server);
    const client = await newClient(server, administrator, { postLogoutRedirectUris: [postLogoutRedirect], ...settings() });
    const configuration = await relyingParty(server, client);
    openid.enableNonRepudiationChecks(configuration);
    return { server, administrator, person: await newPerson(server, "Buffy"), client, configuration };
  });
}

/** Where an authorization ended, and the pages that the user passed. */
export interface Outcome {
  readonly stop: Stop;
  readonly shown: readonly string[];
  readonly browser: Browser;
  readonly checks: openid.AuthorizationCodeGrantChecks;
}

/** What a test changes in the usual request: a parameter that is null is left out. */
export type Changes = Readonly<Record<string, string | null>>;

/** The address of an authorization request and its checks. */
export async function authorizationUrl({ configuration }: Pick<Party, "configuration">, changes: Changes = {}) {
  const given = Object.entries(changes).filter(([, value]) => value !== null) as [string, string][];
  const { url, checks } = await authorizationRequest(configuration, Object.fromEntries(given));
  for (const [name, value] of Object.entries(changes)) if (value === null) url.searchParams.delete(name);
  const { expectedNonce, ...others } = checks;
  return { url, checks: changes["nonce"] === null || expectedNonce === undefined ? others : checks };
}

/** Sends the browser to the authorization endpoint. The user signs in and allows wherever a page asks for that. */
export async function authorize(party: Party, changes: Changes = {}, browser = new Browser(party.server)): Promise<Outcome> {
  const { url, checks } = await authorizationUrl(party, changes);
  return { ...(await passPages(party, browser, await browser.open(url))), checks };
}

const pagesMax = 5;

export async function passPages({ person }: Pick<Party, "person">, browser: Browser, first: Stop): Promise<Omit<Outcome, "checks">> {
  const shown: string[] = [];
  let stop = first;
  while (isPage(stop) && shown.length < pagesMax) {
    const path = stop.url.pathname;
    const { prompt } = (await browser.get(`${path}/details`)).body;
    shown.push(prompt);
    if (prompt === "login") await browser.signIn(person.email);
    const answer = await expectOk(browser.post(path, { action: prompt === "login" ? "continue" : "allow" }));
    stop = await browser.open(answer.redirectTo);
  }
  return { stop, shown, browser };
}

/** A page of the provider on which the user has to do something. */
export const isPage = ({ url }: Stop): boolean => url.origin === issuer && url.pathname.startsWith("/oauth2/interaction/");

export type Tokens = Awaited<ReturnType<typeof openid.authorizationCodeGrant>>;

/** Redeems the code of an authorization. The library verifies the state, the issuer, the nonce and the signature of the ID token. */
export const redeem = ({ configuration }: Pick<Party, "configuration">, { stop, checks }: Pick<Outcome, "stop" | "checks">) =>
  openid.authorizationCodeGrant(configuration, stop.url, checks);

/** An authorization until its tokens. */
export async function signIn(party: Party, changes: Changes = {}, browser?: Browser): Promise<Outcome & { readonly tokens: Tokens }> {
  const outcome = await authorize(party, changes, browser);
  return { ...outcome, tokens: await redeem(party, outcome) };
}

/** The error with which the provider has sent the user back; null where there is none. */
export const errorOf = ({ stop }: Pick<Outcome, "stop">): string | null => stop.url.searchParams.get("error");

export const headerOf = ({ id_token: token = "" }: Tokens): ProtectedHeaderParameters => decodeProtectedHeader(token);

export const claimsOf = (tokens: Tokens): Readonly<Record<string, unknown>> => ({ ...tokens.claims() });

/** A request of a form without a library in between. */
export async function sendForm(
  { server }: Pick<Party, "server">,
  path: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await fetchOf(server)(issuer + path, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(form).toString(),
  });
  return { status: response.status, headers: response.headers, body: await response.json().catch(() => null) };
}

export const basicOf = ({ id, secret }: TestClient): string => `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`;

/** Tries an authorization without a page. */
export const withoutPage = (party: Party, browser: Browser, changes: Changes = {}): Promise<Outcome> =>
  authorize(party, { prompt: "none", ...changes }, browser);
