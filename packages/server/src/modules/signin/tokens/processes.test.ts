/** Attacks 8 to 13 and 31 of docs/security/attacks.md, for tokens, on two processes. */
import { expectOk } from "@gatehouse/testing/answers.ts";
import { describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { times } from "@gatehouse/testing/lanes.ts";
import { anAddress, newAdministrator, newPerson, type Person } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { startStopwatch } from "@gatehouse/testing/stopwatch.ts";
import { decodedPart, signInWithTokens } from "@gatehouse/testing/tokens.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { revocationBoundMs } from "#platform/log/follower.ts";

describeOnPostgresql("concurrent use of tokens in two processes", () => {
  let first: TestServer;
  let second: TestServer;
  let administrator: Person;
  beforeAll(async () => {
    first = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" }, "postgresql");
    second = await first.startAnother();
    administrator = await newAdministrator(first);
  });
  afterAll(async () => {
    await second?.close();
    await first?.close();
  });

  const at = (index: number): TestServer => (index % 2 ? second : first);
  const me = (on: TestServer, token: string) => on.call("GET /api/v1/iam/users/me", { token });
  const refresh = (on: TestServer, refreshToken: string) =>
    on.call("POST /api/v1/token/refresh", { from: anAddress(), body: { refreshToken } });
  const liveSessions = async (userId: string): Promise<number> => {
    const { rows } = await sql<{ count: string }>`select count(*) from sessions where user_id = ${userId}`.execute(
      first.application.platform.database.owner,
    );
    return Number(rows[0]?.count);
  };

  it("fifty concurrent refreshes of one token get one successor, in both processes", async () => {
    const { email } = await newPerson(first);
    const { refreshToken } = await signInWithTokens(first, email);
    const answers = await Promise.all(times(50).map((_, index) => refresh(at(index), refreshToken)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => body.refreshToken)).size).toBe(1);
    expect((await refresh(second, answers[0]?.body.refreshToken)).status).toBe(200);
  });

  it("a concurrent sign-out leaves nothing of a refresh behind", async () => {
    for (const round of times(10)) {
      const { id, email, token } = await newPerson(first);
      const { refreshToken, accessToken } = await signInWithTokens(first, email);
      const [refreshed] = await Promise.all([
        refresh(at(round), refreshToken),
        expectOk(first.call("POST /api/v1/token/revoke", { token, body: { sid: "*" } })),
      ]);
      expect(await liveSessions(id)).toBe(0);
      const tokens = [accessToken, ...(refreshed.status === 200 ? [refreshed.body.accessToken] : [])];
      for (const one of tokens) await expect.poll(async () => (await me(second, one)).status, { interval: 5 }).toBe(401);
      if (refreshed.status === 200) expect((await refresh(second, refreshed.body.refreshToken)).status).toBe(401);
    }
  });

  it.each<[string, (token: string, person: Person) => Promise<unknown>]>([
    ["revoked by its id", (token) => revoke({ jti: decodedPart(token, 1)["jti"] })],
    ["of a revoked session", (token, { id }) => revoke({ sid: decodedPart(token, 1)["sid"], userId: id })],
    ["of a suspended user", (_token, { id }) => suspend(id)],
    [
      "of a leaked key",
      () => expectOk(first.call("POST /api/v1/token/keys/rotate", { token: administrator.token, body: { immediately: true } })),
    ],
  ])("an access token %s is refused in the other process within the revocation bound", async (_what, end) => {
    const person = await newPerson(first);
    const { accessToken } = await signInWithTokens(first, person.email);
    expect((await me(second, accessToken)).status).toBe(200);
    await end(accessToken, person);
    const sinceChange = startStopwatch();
    await expect.poll(async () => (await me(second, accessToken)).status, { interval: 5, timeout: 60_000 }).toBe(401);
    expect(sinceChange.idleMs()).toBeLessThan(revocationBoundMs);
  });

  it("a concurrent rotation of the signing key fails no request", async () => {
    const { email } = await newPerson(first);
    let { accessToken, refreshToken } = await signInWithTokens(first, email);
    // Known to verifiers for long enough.
    await sql`update signing_keys set published_at = published_at - interval '1 hour'`.execute(first.application.platform.database.owner);
    let isRotated = false;
    const rotation = expectOk(first.call("POST /api/v1/token/keys/rotate", { token: administrator.token, body: {} })).then(() => {
      isRotated = true;
    });
    const kids = new Set<string>();
    for (let round = 0; !isRotated || round < 20; round += 1) {
      expect((await me(at(round), accessToken)).status).toBe(200);
      ({ accessToken, refreshToken } = await expectOk(refresh(at(round + 1), refreshToken)));
      kids.add(decodedPart(accessToken, 0)["kid"]);
    }
    await rotation;
    expect(kids.size).toBe(2);
  });

  const revoke = (body: object) => first.call("POST /api/v1/token/revoke", { token: administrator.token, body });
  const suspend = (userId: string) =>
    expectOk(first.call(`PATCH /api/v1/users/${userId}`, { token: administrator.token, body: { status: "Suspended" } }));
});
