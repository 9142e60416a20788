import { authorizationRequest, Browser, newClient, relyingParty, type Stop, type TestClient } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newOrganization, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import * as openid from "openid-client";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let client: TestClient;
let configuration: openid.Configuration;
let person: Person;
beforeAll(async () => {
  client = await newClient(server, await newAdministrator(server), { name: "Reading room" });
  configuration = await relyingParty(server, client);
  person = await newPerson(server, "Lan");
});

/** Opens an authorization in the browser; returns the path of the interaction that it stops at. */
async function begin(browser: Browser, parameters: Readonly<Record<string, string>> = {}) {
  const { url, checks } = await authorizationRequest(configuration, parameters);
  const stop = await browser.open(url);
  return { path: stop.url.pathname, checks, stop };
}

async function decide(browser: Browser, path: string, decision: object): Promise<Stop> {
  const answer = await browser.post(path, decision);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return browser.open(answer.body.redirectTo);
}

describe("an application that is not first-party", () => {
  it("lets a user sign in, then consent, and gets the tokens of what they have allowed", async () => {
    const browser = new Browser(server);
    const { path, checks } = await begin(browser, { login_hint: "lan@example.com" });
    expect(path).toMatch(/^\/oauth2\/interaction\/[\w-]+$/);
    expect((await browser.get(`${path}/details`)).body).toEqual({
      prompt: "login",
      client: { name: "Reading room", logoUri: null, policyUri: null, tosUri: null, firstParty: false },
      user: null,
      organizations: [],
      organizationId: null,
      scopes: [],
      loginHint: "lan@example.com",
    });
    expect((await browser.post(path, { action: "continue" })).status).toBe(401);
    await browser.signIn(person.email);
    const consent = (await decide(browser, path, { action: "continue" })).url.pathname;
    const details = (await browser.get(`${consent}/details`)).body;
    expect(details).toMatchObject({ prompt: "consent", user: { email: person.email, firstName: "Lan", lastName: "Test" } });
    expect(details.scopes).toEqual(["openid", "profile", "email"].map((value) => ({ value, description: null })));
    const back = await decide(browser, consent, { action: "allow", scopes: ["openid", "email"] });
    const tokens = await openid.authorizationCodeGrant(configuration, back.url, checks);
    expect(tokens.scope).toBe("openid email");
    const claims = await openid.fetchUserInfo(configuration, tokens.access_token, person.id);
    expect(claims).toMatchObject({ email: person.email });
    expect(claims).not.toHaveProperty("name");
  });

  it("is not asked for again in the same session, and is in the next", async () => {
    const browser = await Browser.signedIn(server, person);
    const first = await begin(browser);
    await decide(browser, first.path, { action: "allow" });
    expect((await begin(browser)).stop.url.host).toBe("app.example");
    const other = await Browser.signedIn(server, person);
    expect((await begin(other)).path).toContain("/oauth2/interaction/");
  });

  it("learns that the user has refused", async () => {
    const browser = await Browser.signedIn(server, person);
    const { path, checks } = await begin(browser);
    const back = await decide(browser, path, { action: "deny" });
    expect(back.url.searchParams.get("error")).toBe("access_denied");
    await expect(openid.authorizationCodeGrant(configuration, back.url, checks)).rejects.toThrow();
  });

  it("gets login_required or consent_required where it asks without a page", async () => {
    const without = await begin(new Browser(server), { prompt: "none" });
    expect(without.stop.url.searchParams.get("error")).toBe("login_required");
    const signedIn = await begin(await Browser.signedIn(server, person), { prompt: "none" });
    expect(signedIn.stop.url.searchParams.get("error")).toBe("consent_required");
  });

  it("that asks for a new sign-in gets none of before: the user signs in again", async () => {
    const browser = await Browser.signedIn(server, person);
    await decide(browser, (await begin(browser)).path, { action: "allow" });
    const { path, checks } = await begin(browser, { prompt: "login" });
    expect((await browser.get(`${path}/details`)).body).toMatchObject({ prompt: "login", user: null });
    const refused = await browser.post(path, { action: "continue" });
    expect([refused.status, refused.body.error.code]).toEqual([403, "openid.sign_in_again"]);
    const before = Math.floor(Date.now() / 1_000);
    await browser.signIn(person.email);
    const consent = (await decide(browser, path, { action: "continue" })).url.pathname;
    const back = await decide(browser, consent, { action: "allow" });
    const tokens = await openid.authorizationCodeGrant(configuration, back.url, { ...checks, maxAge: 60 });
    expect(tokens.claims()?.["auth_time"]).toBeGreaterThanOrEqual(before);
  });
});

describe("an interaction", () => {
  it("is unknown in another browser, and after it has ended", async () => {
    const browser = await Browser.signedIn(server, person);
    const { path } = await begin(browser);
    const other = await Browser.signedIn(server, person);
    for (const answer of [await other.get(`${path}/details`), await other.post(path, { action: "allow" })]) {
      expect([answer.status, answer.body.error.code]).toEqual([404, "openid.interaction_not_found"]);
    }
    await decide(browser, path, { action: "deny" });
    expect((await browser.get(`${path}/details`)).status).toBe(404);
  });

  it("refuses what a page of another site or a form sends, and nothing is decided", async () => {
    const browser = await Browser.signedIn(server, person);
    const { path } = await begin(browser);
    expect((await browser.post(path, { action: "allow" }, { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await browser.submit(path, { action: "allow" })).status).toBe(415);
    expect((await browser.get(`${path}/details`)).body.prompt).toBe("consent");
  });

  it.each([{}, { action: "steal" }, { action: "allow", scopes: "openid" }, { action: "allow", more: 1 }, []])(
    "refuses %j with 400",
    async (body) => {
      const browser = await Browser.signedIn(server, person);
      const { path } = await begin(browser);
      expect((await browser.post(path, body)).status).toBe(400);
    },
  );

  it("refuses a decision that it does not wait for", async () => {
    const browser = new Browser(server);
    const { path } = await begin(browser);
    const answer = await browser.post(path, { action: "allow" });
    expect([answer.status, answer.body.error.code]).toEqual([409, "openid.action_not_possible"]);
  });

  it("grants no scope that the application did not ask for", async () => {
    const browser = await Browser.signedIn(server, person);
    const { path, checks } = await begin(browser, { scope: "openid" });
    const back = await decide(browser, path, { action: "allow", scopes: ["openid", "email", "profile"] });
    expect((await openid.authorizationCodeGrant(configuration, back.url, checks)).scope).toBe("openid");
  });

  it("continues as another user who has signed in meanwhile, and the first one's grants are not used", async () => {
    const browser = await Browser.signedIn(server, person);
    const { path } = await begin(browser);
    const other = await newPerson(server, "Minh");
    const switched = await decide(browser, path, { action: "switch-account" });
    expect((await browser.get(`${switched.url.pathname}/details`)).body).toMatchObject({ prompt: "login", user: null });
    await browser.signIn(other.email);
    const consent = (await decide(browser, switched.url.pathname, { action: "continue" })).url.pathname;
    expect((await browser.get(`${consent}/details`)).body).toMatchObject({ prompt: "consent", user: { email: other.email } });
  });
});

describe("the organization of the tokens", () => {
  it("is chosen by a user of several, among their own only", async () => {
    const owner = await newPerson(server, "Hoa");
    const [one, two] = [await newOrganization(server, owner), await newOrganization(server, owner)];
    const foreign = await newOrganization(server);
    const app = await newClient(server, await newAdministrator(server), { scopes: ["openid", "organization", "roles"] });
    configuration = await relyingParty(server, app);
    const browser = await Browser.signedIn(server, owner);
    const { path, checks } = await begin(browser, { scope: "openid organization roles" });
    const details = (await browser.get(`${path}/details`)).body;
    expect(details).toMatchObject({ prompt: "organization", organizationId: null });
    expect(details.organizations).toEqual([one, two].map(({ id, body }) => ({ id, name: body.name })));
    for (const organizationId of [foreign.id, null]) {
      expect((await browser.post(path, { action: "choose-organization", organizationId })).status).toBe(403);
    }
    const consent = (await decide(browser, path, { action: "choose-organization", organizationId: two.id })).url.pathname;
    expect((await browser.get(`${consent}/details`)).body).toMatchObject({ prompt: "consent", organizationId: two.id });
    const back = await decide(browser, consent, { action: "allow" });
    const tokens = await openid.authorizationCodeGrant(configuration, back.url, checks);
    const claims = await openid.fetchUserInfo(configuration, tokens.access_token, owner.id);
    expect(claims).toMatchObject({ organization: { id: two.id, name: two.body.name }, roles: ["Owner"] });
  });

  it("is that of the session, where the session is for one", async () => {
    const owner = await newPerson(server, "Hoa");
    const [one] = [await newOrganization(server, owner), await newOrganization(server, owner)];
    const browser = await Browser.signedIn(server, owner, one.id);
    const { path } = await begin(browser, { scope: "openid organization" });
    expect((await browser.get(`${path}/details`)).body).toMatchObject({ prompt: "consent", organizationId: one.id });
  });

  it("is that of the client, and a user of others gets access_denied", async () => {
    const organization = await newOrganization(server);
    const body = {
      organizationId: organization.id,
      kind: "public",
      name: "Desk",
      scopes: ["openid"],
      redirectUris: ["https://app.example/callback"],
    };
    const { id } = (await server.call("POST /api/v1/clients", { token: organization.owner.token, body })).body;
    configuration = await relyingParty(server, { id, secret: undefined });
    const member = await begin(await Browser.signedIn(server, organization.owner), { scope: "openid" });
    expect(member.path).toContain("/oauth2/interaction/");
    const other = await begin(await Browser.signedIn(server, person), { scope: "openid" });
    expect(other.stop.url.searchParams.get("error")).toBe("access_denied");
  });
});
