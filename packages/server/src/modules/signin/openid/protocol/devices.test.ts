import { authorizationRequest, Browser, newClient, relyingParty, type TestClient } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import * as openid from "openid-client";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let client: TestClient;
let configuration: openid.Configuration;
let person: Person;
beforeAll(async () => {
  client = await newClient(server, await newAdministrator(server), { kind: "public", name: "Reader", deviceFlow: true });
  configuration = await relyingParty(server, client);
  person = await newPerson(server, "Lan");
});

const start = () => openid.initiateDeviceAuthorization(configuration, { scope: "openid email offline_access" });
const poll = (started: openid.DeviceAuthorizationResponse) =>
  openid.pollDeviceAuthorizationGrant(configuration, { ...started, interval: 0 });
const details = (browser: Browser, code: string) => browser.get(`/oauth2/device/details?user_code=${encodeURIComponent(code)}`);

describe("a device", () => {
  it("gets tokens after a user has entered its code and allowed it", async () => {
    const started = await start();
    expect(started.verification_uri).toBe("http://127.0.0.1:8080/oauth2/device");
    expect(started.user_code).toMatch(/^[B-Z]{4}-[B-Z]{4}$/);
    const browser = await Browser.signedIn(server, person);
    const shown = await details(browser, started.user_code.toLowerCase());
    expect(shown.body).toMatchObject({ client: { name: "Reader" }, user: { email: person.email } });
    expect(shown.body.scopes.map(({ value }: { value: string }) => value)).toEqual(["openid", "email", "offline_access"]);
    expect((await browser.post("/oauth2/device", { userCode: started.user_code, action: "allow" })).status).toBe(200);
    const tokens = await poll(started);
    expect(tokens.claims()?.sub).toBe(person.id);
    expect((await openid.refreshTokenGrant(configuration, tokens.refresh_token as string)).access_token).toBeTruthy();
    await expect(poll(started)).rejects.toMatchObject({ error: "invalid_grant" });
  });

  it("needs no redirect address: its client may have the device flow alone", async () => {
    const administrator = await newAdministrator(server);
    const alone = await newClient(server, administrator, { kind: "public", deviceFlow: true, redirectUris: [] });
    const party = await relyingParty(server, alone);
    const started = await openid.initiateDeviceAuthorization(party, { scope: "openid" });
    const browser = await Browser.signedIn(server, person);
    expect((await browser.post("/oauth2/device", { userCode: started.user_code, action: "allow" })).status).toBe(200);
    const tokens = await openid.pollDeviceAuthorizationGrant(party, { ...started, interval: 0 });
    expect(tokens.claims()?.sub).toBe(person.id);
    const { url } = await authorizationRequest(party);
    expect((await browser.open(url)).status).toBe(400);
  });

  it("learns that the user has refused, and the code is answered once", async () => {
    const started = await start();
    const browser = await Browser.signedIn(server, person);
    expect((await browser.post("/oauth2/device", { userCode: started.user_code, action: "deny" })).status).toBe(200);
    expect((await browser.post("/oauth2/device", { userCode: started.user_code, action: "allow" })).status).toBe(404);
    await expect(poll(started)).rejects.toMatchObject({ error: "access_denied" });
  });

  it("is not allowed by a browser without a user, nor by a page of another site", async () => {
    const started = await start();
    const decision = { userCode: started.user_code, action: "allow" };
    const anonymous = new Browser(server);
    expect((await details(anonymous, started.user_code)).body.user).toBeNull();
    expect((await anonymous.post("/oauth2/device", decision)).status).toBe(401);
    const browser = await Browser.signedIn(server, person);
    expect((await browser.post("/oauth2/device", decision, { "sec-fetch-site": "cross-site" })).status).toBe(403);
    expect((await browser.post("/oauth2/device", { ...decision, action: "maybe" })).status).toBe(400);
    expect((await details(browser, started.user_code)).status).toBe(200);
  });

  it("cannot be found by guessing: an address has twenty attempts", async () => {
    const browser = await Browser.signedIn(server, person);
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 22; attempt += 1) statuses.push((await details(browser, "BBBB-BBBB")).status);
    expect(statuses).toEqual([...Array(20).fill(404), 429, 429]);
  });

  it("loses its tokens with the session of the user who has allowed it", async () => {
    const started = await start();
    const browser = await Browser.signedIn(server, person);
    await browser.post("/oauth2/device", { userCode: started.user_code, action: "allow" });
    const tokens = await poll(started);
    await browser.post("/api/v1/iam/auth/logout", {});
    await expect(openid.refreshTokenGrant(configuration, tokens.refresh_token as string)).rejects.toMatchObject({ error: "invalid_grant" });
  });
});
