import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { authorizationRequest, Browser, fetchOf, issuer, newClient, relyingParty, type TestClient } from "@gatehouse/testing/openid.ts";
import { newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import * as openid from "openid-client";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";

const codes = 20;
const atOnce = 8;

describeOnPostgresql("concurrent requests of the OpenID Provider, in two processes", () => {
  let server: TestServer;
  let other: TestServer;
  let client: TestClient;
  let configuration: openid.Configuration;
  let person: Person;
  beforeAll(async () => {
    server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" }, "postgresql", { topology: "together" });
    other = await server.startAnother();
    client = await newClient(server, await newAdministrator(server), { kind: "public", firstParty: true });
    configuration = await relyingParty(server, client);
    person = await newPerson(server);
  });
  afterAll(async () => {
    await other.close();
    await server.close();
  });

  const servers = () => [server, other];

  async function code(browser: Browser) {
    const { url, checks } = await authorizationRequest(configuration, { scope: "openid" });
    const back = await browser.open(url);
    return { code: back.url.searchParams.get("code") as string, verifier: checks.pkceCodeVerifier as string };
  }

  const tokenRequest = async (at: TestServer, form: Record<string, string>, headers: Record<string, string> = {}) => {
    const body = new URLSearchParams({ client_id: client.id, ...form });
    const answer = await fetchOf(at)(`${issuer}/oauth2/token`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body,
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };

  const redeem = (at: TestServer, given: { code: string; verifier: string }) =>
    tokenRequest(at, {
      grant_type: "authorization_code",
      redirect_uri: "https://app.example/callback",
      code: given.code,
      code_verifier: given.verifier,
    });

  const refresh = (at: TestServer, token: string) => tokenRequest(at, { grant_type: "refresh_token", refresh_token: token });

  const everyServer = <T>(times: number, work: (at: TestServer) => Promise<T>): Promise<T[]> =>
    Promise.all(Array.from({ length: times }, (_, index) => work(servers()[index % 2] as TestServer)));

  it(`of ${atOnce} concurrent redemptions of one code, one succeeds, for each of ${codes} codes`, async () => {
    const browser = await Browser.signedIn(server, person);
    for (let round = 0; round < codes; round += 1) {
      const given = await code(browser);
      const answers = await everyServer(atOnce, (at) => redeem(at, given));
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { status, body } of answers.filter((answer) => answer.status !== 200))
        expect([status, body["error"]]).toEqual([400, "invalid_grant"]);
    }
  });

  it("a code that is used again later ends the tokens of its first use", async () => {
    const given = await code(await Browser.signedIn(server, person));
    const first = (await redeem(server, given)).body;
    expect((await redeem(other, given)).status).toBe(400);
    expect((await refresh(server, first["refresh_token"] as string)).body["error"]).toBe("invalid_grant");
    await expect(openid.fetchUserInfo(configuration, first["access_token"] as string, person.id)).rejects.toThrow();
  });

  it("concurrent refreshes keep the user signed in, and the old token ends the grant afterwards", async () => {
    const { body } = await redeem(server, await code(await Browser.signedIn(server, person)));
    const old = body["refresh_token"] as string;
    const answers = await everyServer(4, (at) => refresh(at, old));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const successor = await refresh(other, answers[3]?.body["refresh_token"] as string);
    expect(successor.status).toBe(200);
    // The successor has been used: the old token has no more grace.
    expect((await refresh(server, old)).body["error"]).toBe("invalid_grant");
    expect((await refresh(server, successor.body["refresh_token"] as string)).body["error"]).toBe("invalid_grant");
  });

  it("a refresh token that is used again after its grace ends the grant, and so does one that is used too often", async () => {
    const browser = await Browser.signedIn(server, person);
    const first = (await redeem(server, await code(browser))).body["refresh_token"] as string;
    const next = (await refresh(server, first)).body["refresh_token"] as string;
    server.clock.advance(11);
    expect((await refresh(other, first)).status).toBe(400);
    expect((await refresh(server, next)).body["error"]).toBe("invalid_grant");
    const often = (await redeem(server, await code(browser))).body["refresh_token"] as string;
    const statuses = (await everyServer(9, (at) => refresh(at, often))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
  });

  it("a concurrent copy of a DPoP proof is refused in the other process", async () => {
    const keys = await openid.randomDPoPKeyPair("ES256");
    const { body } = await redeem(server, await code(await Browser.signedIn(server, person)));
    let proof = "";
    configuration[openid.customFetch] = (async (url: string, init: RequestInit) => {
      proof = new Headers(init.headers as Record<string, string>).get("dpop") ?? proof;
      return fetchOf(server)(url, init);
    }) as openid.CustomFetch;
    const DPoP = openid.getDPoPHandle(configuration, keys);
    const bound = await openid.refreshTokenGrant(configuration, body["refresh_token"] as string, undefined, { DPoP });
    configuration[openid.customFetch] = fetchOf(server) as openid.CustomFetch;
    const fresh = await proofFor(configuration, DPoP, bound.refresh_token as string);
    const form = { grant_type: "refresh_token", refresh_token: bound.refresh_token as string };
    const answers = await everyServer(2, (at) => tokenRequest(at, form, { dpop: fresh }));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect(proof).not.toBe(fresh);
  });

  it("nothing that concurrent requests have got outlives the session", async () => {
    for (let round = 0; round < 10; round += 1) {
      const browser = await Browser.signedIn(server, person);
      const given = await code(browser);
      const [redeemed] = await Promise.all([redeem(other, given), browser.post("/api/v1/iam/auth/logout", {})]);
      expect([200, 400]).toContain(redeemed.status);
      if (redeemed.status === 200) expect((await refresh(server, redeemed.body["refresh_token"] as string)).status).toBe(400);
      else expect(redeemed.body["error"]).toBe("invalid_grant");
    }
  });

  it("two users who enter one device code at once: the device gets the tokens of one of them", async () => {
    const device = await newClient(server, await newAdministrator(server), { kind: "public", deviceFlow: true });
    const deviceConfiguration = await relyingParty(server, device);
    const people = [await newPerson(server), await newPerson(server)];
    const browsers = [await Browser.signedIn(server, people[0] as Person), await Browser.signedIn(other, people[1] as Person)];
    const started = await openid.initiateDeviceAuthorization(deviceConfiguration, { scope: "openid" });
    const decision = { userCode: started.user_code, action: "allow" };
    const statuses = (await Promise.all(browsers.map((browser) => browser.post("/oauth2/device", decision)))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    const tokens = await openid.pollDeviceAuthorizationGrant(deviceConfiguration, { ...started, interval: 0 });
    expect(tokens.claims()?.sub).toBe(people[statuses.indexOf(200)]?.id);
  });

  it("a code is redeemed for tokens with at most six statements", async () => {
    const given = await code(await Browser.signedIn(server, person));
    await eventually(() => server.application.platform.log.fresh).toBe(true);
    const { statements, result } = await countStatements(() => redeem(server, given));
    expect(result.body).toMatchObject({
      access_token: expect.any(String),
      refresh_token: expect.any(String),
      id_token: expect.any(String),
    });
    expect(statements.length).toBeGreaterThan(4);
    expect(statements.filter((text) => /openid_|sessions|users|memberships|clients/.test(text)).length).toBeLessThanOrEqual(6);
  });

  it("the database has no token in plain text, and everything of a user refers to their session", async () => {
    const { body } = await redeem(server, await code(await Browser.signedIn(server, person)));
    const rows = await server.application.platform.database.transact(everyTenant, async (tx) => {
      const { rows } = await sql<{ kind: string; row: string; session_id: string | null }>`
        select kind, to_jsonb(openid_state)::text as row, session_id from openid_state`.execute(tx);
      return rows;
    });
    for (const { row } of rows) for (const secret of [body["refresh_token"], body["access_token"]]) expect(row).not.toContain(secret);
    for (const { kind, session_id } of rows.filter((row) =>
      ["Grant", "RefreshToken", "AccessToken", "AuthorizationCode", "Session"].includes(row.kind),
    ))
      expect(session_id, kind).not.toBeNull();
  });
});

/** A proof of the key for a token request that is not sent. */
async function proofFor(configuration: openid.Configuration, DPoP: openid.DPoPHandle, token: string): Promise<string> {
  let proof = "";
  const before = configuration[openid.customFetch];
  configuration[openid.customFetch] = (async (_url: string, init: RequestInit) => {
    proof = new Headers(init.headers as Record<string, string>).get("dpop") as string;
    return new Response(JSON.stringify({ error: "invalid_grant" }), { status: 400, headers: { "content-type": "application/json" } });
  }) as openid.CustomFetch;
  await openid.refreshTokenGrant(configuration, token, undefined, { DPoP }).catch(() => {});
  configuration[openid.customFetch] = before as openid.CustomFetch;
  return proof;
}

/** The statements that this process sends meanwhile. */
async function countStatements<T>(work: () => Promise<T>): Promise<{ readonly statements: readonly string[]; readonly result: T }> {
  const prototype = pg.Client.prototype as unknown as { query: (...parameters: unknown[]) => unknown };
  const { query } = prototype;
  const statements: string[] = [];
  prototype.query = function (this: pg.Client, ...parameters) {
    if (typeof parameters[0] === "string") statements.push(parameters[0]);
    return query.apply(this, parameters);
  };
  try {
    return { result: await work(), statements };
  } finally {
    prototype.query = query;
  }
}
