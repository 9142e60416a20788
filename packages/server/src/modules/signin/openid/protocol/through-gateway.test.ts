import { authorizationRequest, Browser, newClient, relyingParty } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { listens } from "@gatehouse/testing/services.ts";
import { ofSuite } from "@gatehouse/testing/suite.ts";
import * as openid from "openid-client";
import { describe, expect, it } from "vitest";

const possible = await listens("nats");

describe.runIf(possible)("the OpenID Provider behind a gateway without a database (skipped without NATS)", () => {
  const server = ofSuite(
    () => startTestServer({}, "postgresql", { topology: "apart" }),
    (opened: TestServer) => opened.close(),
  );

  it("signs users in, and renews and ends their tokens", async () => {
    const person = await newPerson(server());
    const client = await newClient(server(), await newAdministrator(server()), { firstParty: true });
    const configuration = await relyingParty(server(), client);
    const browser = await Browser.signedIn(server(), person);
    const { url, checks } = await authorizationRequest(configuration);
    const tokens = await openid.authorizationCodeGrant(configuration, (await browser.open(url)).url, checks);
    expect(await openid.fetchUserInfo(configuration, tokens.access_token, person.id)).toMatchObject({ email: person.email });
    const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token as string);
    await openid.tokenRevocation(configuration, refreshed.refresh_token as string);
    await expect(openid.refreshTokenGrant(configuration, refreshed.refresh_token as string)).rejects.toMatchObject({
      error: "invalid_grant",
    });
  });
});
