import { authorizationRequest, Browser, newClient, relyingParty } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { beforeAll, describe, expect, it } from "vitest";

const server = serverOfSuite();
const loopback = "http://localhost:8093/callback";
let administrator: Person;
let person: Person;
beforeAll(async () => {
  administrator = await newAdministrator(server);
  person = await newPerson(server);
});

async function open(settings: object, redirectUri = loopback) {
  const client = await newClient(server, administrator, { redirectUris: [loopback], ...settings });
  const configuration = await relyingParty(server, client);
  const browser = await Browser.signedIn(server, person);
  const request = async () => browser.open((await authorizationRequest(configuration, { redirect_uri: redirectUri })).url);
  return { browser, request };
}

describe("an application on loopback", () => {
  it("with a secret is a web application: first-party users are not asked, and its port is exact", async () => {
    const { request } = await open({ firstParty: true });
    expect((await request()).url.href).toMatch(/^http:\/\/localhost:8093\/callback\?code=/);
    const other = await open({ firstParty: true }, "http://localhost:9000/callback");
    expect(await other.request().then(({ status, url }) => [status, url.port])).toEqual([400, "8080"]);
  });

  it("without a secret is confirmed each time, with what it asks for, and may have any port", async () => {
    const { browser, request } = await open({ kind: "public" }, "http://localhost:9000/callback");
    for (let time = 0; time < 2; time += 1) {
      const { pathname } = (await request()).url;
      const details = (await browser.get(`${pathname}/details`)).body;
      expect(details.prompt).toBe("consent");
      expect(details.scopes.map(({ value }: { value: string }) => value)).toEqual(["openid", "profile", "email"]);
      const { redirectTo } = (await browser.post(pathname, { action: "allow", scopes: ["openid", "profile", "email"] })).body;
      expect((await browser.open(redirectTo)).url.href).toMatch(/^http:\/\/localhost:9000\/callback\?code=/);
    }
  });
});
