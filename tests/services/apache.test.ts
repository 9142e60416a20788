import { expectOk } from "@gatehouse/testing/answers.ts";
import { type ApacheSettings, startApache, whyNoApache } from "@gatehouse/testing/apache.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { defaultSigningKey, newClient } from "@gatehouse/testing/openid.ts";
import type { Service } from "@gatehouse/testing/own-service.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { servicesAsked } from "@gatehouse/testing/services.ts";
import { passPages, WebBrowser } from "@gatehouse/testing/web-browser.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const whyNot = servicesAsked ? whyNoApache : "services are tested by npm run test:services";
if (whyNot !== undefined) console.warn(`skipped: Apache as a relying party: ${whyNot}`);

describe.skipIf(whyNot !== undefined)("Apache with mod_auth_openidc as a relying party", () => {
  let server: TestServer;
  let apache: Service;
  let administrator: Person;
  let person: Person;
  let issuer: string;
  beforeAll(async () => {
    const [port, apachePort] = [await freePort(), await freePort()];
    issuer = `http://127.0.0.1:${port}`;
    server = await startTestServer({ PUBLIC_URL: issuer, ...defaultSigningKey() });
    await server.http.listen({ port, host: "127.0.0.1" });
    administrator = await newAdministrator(server);
    person = await newPerson(server, "Lan");
    const address = `http://localhost:${apachePort}`;
    const { id, secret } = await newClient(server, administrator, {
      redirectUris: [`${address}/protected/callback`],
      postLogoutRedirectUris: [`${address}/signed-out.html`],
      backchannelLogoutUri: `${address}/protected/callback?logout=backchannel`,
    });
    const settings: ApacheSettings = { port: apachePort, issuer, clientId: id, clientSecret: secret as string };
    apache = await startApache(settings);
  });
  afterAll(async () => {
    await apache?.close();
    await server?.close();
  });

  /** The user opens the protected page, signs in and consents at the provider, and arrives at the page. */
  async function signedIn() {
    const browser = new WebBrowser();
    const { page, shown } = await passPages(browser, await browser.open(`${apache.url}/protected/`), person);
    expect(shown).toEqual(["login", "consent"]);
    return { browser, page };
  }

  it("sends a user to sign in, and shows the page to them with their id and address", async () => {
    const { browser, page } = await signedIn();
    expect([page.url.href, page.status, page.body]).toEqual([`${apache.url}/protected/`, 200, "protected\n"]);
    expect([page.headers["x-remote-user"], page.headers["x-claim-email"]]).toEqual([person.id, person.email]);
    expect((await browser.open(`${apache.url}/protected/`)).headers["x-remote-user"]).toBe(person.id);
  });

  it("signs the user out of itself and of the provider", async () => {
    const { browser } = await signedIn();
    const signedOut = `${apache.url}/signed-out.html`;
    const page = await browser.open(`${apache.url}/protected/callback?logout=${encodeURIComponent(signedOut)}`);
    expect([page.url.href, page.body]).toEqual([signedOut, "signed out\n"]);
    expect((await browser.open(`${issuer}/api/v1/iam/auth/session`)).status).toBe(401);
    expect((await browser.open(`${apache.url}/protected/`)).url.pathname).toMatch(/^\/oauth2\/interaction\//);
  });

  it("ends its session when an administrator ends the user's: it accepts the logout token", async () => {
    const { browser } = await signedIn();
    await expectOk(server.call(`DELETE /api/v1/users/${person.id}/sessions`, { token: administrator.token }));
    await eventually(async () => (await browser.open(`${apache.url}/protected/`)).url.pathname).toMatch(/^\/oauth2\/interaction\//);
  });
});
