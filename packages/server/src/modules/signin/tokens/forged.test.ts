/** Attacks 1 to 7 of docs/security/attacks.md, over HTTP. */
import { createHmac } from "node:crypto";
import { expectError } from "@gatehouse/testing/answers.ts";
import { newOrganization, newPerson } from "@gatehouse/testing/people.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { describe, expect, it } from "vitest";
import { signCompact } from "./jws.ts";
import { type TokenState, tokens } from "./module.ts";

const server = serverOfSuite();

const me = (token: string) => server.call("GET /api/v1/iam/users/me", { token });
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token with the server's own key and the claims of a person's token, changed. */
async function signedWith(changes: Readonly<Record<string, unknown>>, type = "at+jwt"): Promise<string> {
  const { email } = await newPerson(server);
  const claims = decodedPart((await signInWithTokens(server, email)).accessToken, 1);
  const keys = await server.application.kernel.stateOf<TokenState>(tokens).keys.find();
  return signCompact(keys.current(), type, { ...claims, ...changes });
}

const seconds = (): number => Math.floor(server.clock.now() / 1_000);
const id = "0198c0de-0000-7000-8000-000000000000";

describe("a token with the server's own signature", () => {
  it("is accepted as it is", async () => {
    expect((await me(await signedWith({}))).status).toBe(200);
  });

  it.each<[string, () => Readonly<Record<string, unknown>>]>([
    ["for another audience", () => ({ aud: "https://other.example.com" })],
    ["for a part of the audience's name", () => ({ aud: "http://127.0.0.1" })],
    ["without an audience", () => ({ aud: undefined })],
    ["of another issuer", () => ({ iss: "https://id.example.com" })],
    ["that has expired", () => ({ exp: seconds() - 1 })],
    ["that never expires", () => ({ exp: undefined })],
    ["that expires at a text", () => ({ exp: "2099-01-01" })],
    ["that is not valid yet", () => ({ nbf: seconds() + 60 })],
    ["that is issued in the future", () => ({ iat: seconds() + 60 })],
    ["of another user's session", () => ({ sub: id })],
    ["of no session", () => ({ sid: undefined })],
    ["of an unknown session", () => ({ sid: id })],
    ["of the same session for another organization", () => ({ tid: id })],
    ["with an actor, and no exchange that is stored", () => ({ act: { sub: id } })],
    ["of a service account that is a user", () => ({ sub_kind: "service", sid: undefined })],
    ["that is bound to a key", () => ({ cnf: { jkt: "x" } })],
  ])("%s is refused", async (_what, changes) => {
    expectError(await me(await signedWith(changes())), 401, "auth.credential_invalid");
  });

  it.each(["JWT", "id+jwt", "logout+jwt", "dpop+jwt", "application/at+jwt", ""])("of the type %j is refused", async (type) => {
    expectError(await me(await signedWith({}, type)), 401, "auth.credential_invalid");
  });
});

describe("a token with another signature", () => {
  it("is refused with the algorithm none, in any case, and with an empty signature", async () => {
    const { email } = await newPerson(server);
    const [header, payload, signature] = (await signInWithTokens(server, email)).accessToken.split(".");
    for (const alg of ["none", "None", "NONE", "nOnE"]) {
      const forged = encoded({ ...decodedPart(`${header}.x.x`, 0), alg });
      for (const last of ["", signature]) expectError(await me(`${forged}.${payload}.${last}`), 401, "auth.credential_invalid");
    }
    expectError(await me(`${header}.${payload}.`), 401, "auth.credential_invalid");
  });

  it("is refused as HS256 with the published key as the secret", async () => {
    const { email } = await newPerson(server);
    const [header, payload] = (await signInWithTokens(server, email)).accessToken.split(".");
    const { keys } = (await server.call("GET /.well-known/jwks.json")).body;
    const { kid } = decodedPart(`${header}.x.x`, 0);
    const jwk = keys.find((key: AnyBody) => key.kid === kid);
    const input = `${encoded({ alg: "HS256", typ: "at+jwt", kid })}.${payload}`;
    for (const secret of [JSON.stringify(jwk), jwk.x, Buffer.from(jwk.x, "base64url")]) {
      expectError(await me(`${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`), 401, "auth.credential_invalid");
    }
  });

  it("is refused after a revocation also in another spelling", async () => {
    const { owner, id: organizationId } = await newOrganization(server);
    const { accessToken } = await signInWithTokens(server, owner.email, organizationId);
    const spellings = [accessToken, `${accessToken}=`, `${accessToken.slice(0, -1)}${accessToken.endsWith("A") ? "B" : "A"}`];
    await server.call("POST /api/v1/token/revoke", { body: { token: accessToken } });
    for (const token of spellings) expectError(await me(token), 401, "auth.credential_invalid");
  });

  it("with 16 KB or in a thousand parts is refused without work", async () => {
    for (const token of [`eyJ${"a".repeat(12_000)}.a.a`, `eyJ${".a".repeat(1_000)}`, "eyJ.a.a", "eyJ..", "eyJhbGciOiJub25lIn0.e30."]) {
      expectError(await me(token), 401, "auth.credential_invalid");
    }
  });
});
