import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { authorizationRequest, Browser, fetchOf, issuer, newClient, relyingParty, type TestClient } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { ofSuite, serverOfSuite } from "@gatehouse/testing/suite.ts";
import { createLocalJWKSet, jwtVerify } from "jose";
import * as openid from "openid-client";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

const server = serverOfSuite();
const received: string[] = [];
let failures = 0;
/** The back-channel of an application. */
const receiver = ofSuite(
  async () => {
    const http = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (failures > 0) {
        failures -= 1;
        response.statusCode = 503;
        return void response.end();
      }
      received.push(new URLSearchParams(Buffer.concat(chunks).toString()).get("logout_token") as string);
      response.end();
    });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return http;
  },
  async (http: Server) => {
    http.closeAllConnections();
    http.close();
  },
);

let administrator: Person;
let client: TestClient;
let configuration: openid.Configuration;
const signedOut = "https://app.example/signed-out";
beforeAll(async () => {
  administrator = await newAdministrator(server);
  const backchannelLogoutUri = `http://127.0.0.1:${(receiver().address() as AddressInfo).port}/logout`;
  client = await newClient(server, administrator, { firstParty: true, backchannelLogoutUri, postLogoutRedirectUris: [signedOut] });
  configuration = await relyingParty(server, client);
});
beforeEach(() => {
  received.splice(0);
  failures = 0;
});

async function signedIn() {
  const person = await newPerson(server);
  const browser = await Browser.signedIn(server, person);
  const { url, checks } = await authorizationRequest(configuration);
  const tokens = await openid.authorizationCodeGrant(configuration, (await browser.open(url)).url, checks);
  return { person, browser, tokens, idToken: tokens.id_token as string };
}

/** Waits for the one logout token that comes, and verifies it as an application does. */
async function loggedOut(): Promise<Record<string, unknown>> {
  await eventually(() => received.length).toBe(1);
  const keys = (await (await fetchOf(server)(`${issuer}/.well-known/jwks.json`)).json()) as never;
  const options = { issuer, audience: client.id, typ: "logout+jwt", requiredClaims: ["iat", "exp", "jti", "sid"] };
  return (await jwtVerify(received[0] as string, createLocalJWKSet(keys), options)).payload;
}

describe("a sign-out that an application asks for", () => {
  it("ends the session without a question where it names its user, and goes back to the application", async () => {
    const { browser, tokens, idToken } = await signedIn();
    const url = openid.buildEndSessionUrl(configuration, { id_token_hint: idToken, post_logout_redirect_uri: signedOut, state: "s" });
    const stop = await browser.open(url);
    expect([stop.url.href, stop.body]).toEqual([`${signedOut}?state=s`, ""]);
    expect((await browser.get("/api/v1/iam/auth/session")).status).toBe(401);
    await expect(openid.refreshTokenGrant(configuration, tokens.refresh_token as string)).rejects.toMatchObject({ error: "invalid_grant" });
    await expect(openid.fetchUserInfo(configuration, tokens.access_token, openid.skipSubjectCheck)).rejects.toThrow();
  });

  it("asks the user where another site could have sent them, and does what they answer", async () => {
    const { browser, person } = await signedIn();
    const asked = await browser.open(`/oauth2/logout?client_id=${client.id}`);
    expect([asked.status, asked.url.pathname]).toEqual([200, "/oauth2/logout/confirm"]);
    expect((await browser.get("/oauth2/logout/details")).body).toMatchObject({
      client: { name: expect.stringContaining("Library") },
      user: { email: person.email },
    });
    const answer = await browser.post("/oauth2/logout/confirm", {});
    expect(answer.status).toBe(200);
    expect((await browser.open(answer.body.redirectTo)).url.pathname).toBe("/signed-out");
    expect((await browser.get("/api/v1/iam/auth/session")).status).toBe(401);
    expect((await browser.post("/oauth2/logout/confirm", {})).body).toMatchObject({ error: { code: "openid.logout_not_found" } });
  });

  it("goes to the application's address after the question, too", async () => {
    const { browser } = await signedIn();
    const parameters = new URLSearchParams({ client_id: client.id, post_logout_redirect_uri: signedOut, state: "s" });
    await browser.open(`/oauth2/logout?${parameters}`);
    expect((await browser.post("/oauth2/logout/confirm", {})).body).toEqual({ redirectTo: `${signedOut}?state=s` });
  });

  it("is not answered by another site, nor where no application asks", async () => {
    const { browser } = await signedIn();
    const refused = { error: { code: "openid.logout_not_found" } };
    expect((await browser.get("/oauth2/logout/details")).body).toMatchObject(refused);
    expect((await browser.post("/oauth2/logout/confirm", {})).body).toMatchObject(refused);
    await browser.open(`/oauth2/logout?client_id=${client.id}`);
    expect((await browser.post("/oauth2/logout/confirm", {}, { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await browser.submit("/oauth2/logout/confirm", { logout: "yes" })).status).toBe(415);
    expect((await browser.get("/api/v1/iam/auth/session")).status).toBe(200);
  });

  it("does not go to an address that is not the application's", async () => {
    const { browser, idToken } = await signedIn();
    const url = openid.buildEndSessionUrl(configuration, { id_token_hint: idToken, post_logout_redirect_uri: "https://evil.example/" });
    const stop = await browser.open(url);
    expect([stop.url.origin, stop.status]).toEqual([issuer, 400]);
    expect((await browser.get("/api/v1/iam/auth/session")).status).toBe(200);
  });
});

describe("an application with a back-channel", () => {
  const event = "http://schemas.openid.net/event/backchannel-logout";

  it("is told when the user signs out", async () => {
    const { browser, person, tokens } = await signedIn();
    expect((await browser.post("/api/v1/iam/auth/logout", {})).status).toBe(204);
    expect(await loggedOut()).toMatchObject({ sub: person.id, sid: tokens.claims()?.["sid"], events: { [event]: {} } });
  });

  it("is told when an administrator ends the sessions, and again until it accepts", async () => {
    failures = 1;
    const { person } = await signedIn();
    expect((await server.call(`DELETE /api/v1/users/${person.id}/sessions`, { token: administrator.token })).status).toBe(200);
    expect(await loggedOut()).toMatchObject({ sub: person.id });
  });

  it("is told when the user is suspended", async () => {
    const { person } = await signedIn();
    const suspended = await server.call(`PATCH /api/v1/users/${person.id}`, {
      token: administrator.token,
      body: { status: "Suspended" },
    });
    expect(suspended.status, JSON.stringify(suspended.body)).toBe(200);
    expect(await loggedOut()).toMatchObject({ sub: person.id });
  });
});
