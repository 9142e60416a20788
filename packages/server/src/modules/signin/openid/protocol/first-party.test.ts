import { authorizationRequest, Browser, issuer, newClient, relyingParty } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import * as openid from "openid-client";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
let administrator: Person;
let person: Person;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  person = await newPerson(server);
});

describe("a first-party application", () => {
  it("gets the tokens of a signed-in user without asking them", async () => {
    const client = await newClient(server, administrator, { firstParty: true });
    const configuration = await relyingParty(server, client);
    openid.enableNonRepudiationChecks(configuration);
    const browser = await Browser.signedIn(server, person);
    const { url, checks } = await authorizationRequest(configuration);
    const back = await browser.open(url);
    expect(back.url.href).toMatch(/^https:\/\/app\.example\/callback\?code=/);
    expect(back.url.searchParams.get("iss")).toBe(issuer);
    const tokens = await openid.authorizationCodeGrant(configuration, back.url, checks);
    expect(tokens.claims()).toMatchObject({ iss: issuer, sub: person.id, aud: client.id, amr: ["pwd"] });
    const claims = await openid.fetchUserInfo(configuration, tokens.access_token, person.id);
    expect(claims).toMatchObject({ sub: person.id, email: person.email, email_verified: true, name: expect.any(String) });
    const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token as string);
    expect(refreshed.claims()?.sub).toBe(person.id);
  });
});
