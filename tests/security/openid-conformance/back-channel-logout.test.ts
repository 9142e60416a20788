/** Modules of the OpenID conformance suite, under their names: sign-outs of which relying parties are told. */
import { eventually } from "@gatehouse/testing/eventually.ts";
import { fetchOf, issuer } from "@gatehouse/testing/openid.ts";
import { createLocalJWKSet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { backChannelOfSuite } from "./support/back-channel.ts";
import { errorOf, partyOfSuite, postLogoutRedirect, signIn, withoutPage } from "./support/party.ts";

const backChannel = backChannelOfSuite();
const party = partyOfSuite(() => ({ backchannelLogoutUri: backChannel().url }));

describe("back-channel logout", () => {
  it("oidcc-backchannel-logout-discovery-endpoint-verification: is in the metadata, with its sessions", () => {
    expect(party().configuration.serverMetadata()).toMatchObject({
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      end_session_endpoint: `${issuer}/oauth2/logout`,
    });
  });

  it("oidcc-backchannel-rp-initiated-logout: tells the relying party of the session of its ID token", async () => {
    const { browser, tokens } = await signIn(party());
    const query = { id_token_hint: tokens.id_token as string, post_logout_redirect_uri: postLogoutRedirect, state: "s" };
    const stop = await browser.open(`/oauth2/logout?${new URLSearchParams(query)}`);
    expect(stop.url.href).toBe(`${postLogoutRedirect}?state=s`);
    await eventually(() => backChannel().received.length).toBe(1);
    const [request] = backChannel().received;
    expect(request).toMatchObject({ method: "POST", type: expect.stringContaining("application/x-www-form-urlencoded") });
    const keys = (await (await fetchOf(party().server)(`${issuer}/.well-known/jwks.json`)).json()) as never;
    const { payload } = await jwtVerify(request?.token as string, createLocalJWKSet(keys), {
      issuer,
      audience: party().client.id,
      typ: "logout+jwt",
      requiredClaims: ["iat", "exp", "jti"],
    });
    expect(payload).toMatchObject({
      sid: tokens.claims()?.["sid"],
      sub: party().person.id,
      events: { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    expect(payload).not.toHaveProperty("nonce");
    expect(errorOf(await withoutPage(party(), browser))).toBe("login_required");
  });
});
