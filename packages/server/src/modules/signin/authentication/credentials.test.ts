import { anAddress, newOrganization, newPerson, type Person, password, registration, tokenIn, unique } from "@gatehouse/testing/people.ts";
import { asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { internalScope, type ReadHandle, type Scope, tenantScope } from "#platform/database/database.ts";
import { firstRow } from "#platform/database/rows.ts";

const server = serverOfSuite();

const owner = () => server.application.platform.database.owner;
const post = (path: string, body: object) => server.call(`POST /api/v1/iam/auth/${path}`, { body, from: anAddress() });
const login = (email: string, given = password) => post("login", { email, password: given });
const credentialsOf = async ({ id }: Person) =>
  (
    await sql<{ kind: string; used: boolean }>`select kind, last_used_at is not null as used from credentials
    where user_id = ${id} order by kind`.execute(owner())
  ).rows;

async function reset({ email }: Person, next: string): Promise<void> {
  expect((await post("forgot-password", { email })).status).toBe(202);
  const token = tokenIn(await server.mail(email, "reset-password"));
  expect((await post("reset-password", { token, password: next })).status).toBe(204);
}

/** Inserts a credential of another kind, as a further sign-in method would. */
const addPasskey = ({ id }: Person, identifier: string) =>
  sql`insert into credentials (id, user_id, kind, identifier, secret, created_at)
    values (gen_random_uuid(), ${id}, 'passkey', ${identifier}, 'public key', now())`.execute(owner());

describe("a user without a password", () => {
  it("cannot sign in, with the same answer as an unknown address, until a reset sets a password", async () => {
    const person = await newPerson(server);
    await sql`delete from credentials where user_id = ${person.id}`.execute(owner());
    for (const given of [password, "!", "null"]) {
      const answer = await login(person.email, given);
      const unknown = await login(`nobody-${unique()}@example.com`, given);
      expect([answer.status, answer.body.error.code]).toEqual([401, "auth.invalid_credentials"]);
      expect(answer.body.error.message).toBe(unknown.body.error.message);
    }
    // An existing session depends on the user, not on a credential.
    expect((await server.call("GET /api/v1/iam/users/me", { token: person.token })).status).toBe(200);
    await reset(person, "a harbour of their own");
    expect((await login(person.email, "a harbour of their own")).status).toBe(200);
    expect(await credentialsOf(person)).toEqual([{ kind: "password", used: true }]);
  });
});

describe("a user with two credentials", () => {
  it("signs in with the password, whose use is recorded, and a reset does not change the other credential", async () => {
    const person = await newPerson(server);
    await addPasskey(person, unique());
    expect((await login(person.email)).status).toBe(200);
    expect((await login(person.email, "public key")).status).toBe(401);
    expect(await credentialsOf(person)).toEqual([
      { kind: "passkey", used: false },
      { kind: "password", used: true },
    ]);
    await reset(person, "a harbour of their own");
    expect((await login(person.email, "a harbour of their own")).status).toBe(200);
    expect((await credentialsOf(person)).map(({ kind }) => kind)).toEqual(["passkey", "password"]);
  });

  it("can have one password only, and no identifier of another user", async () => {
    const [one, other] = [await newPerson(server), await newPerson(server)];
    const identifier = unique();
    await addPasskey(one, identifier);
    await expect(addPasskey(other, identifier)).rejects.toThrow(/idx_credentials_identifier/);
    await expect(
      sql`insert into credentials (id, user_id, kind, secret, created_at) values (gen_random_uuid(), ${one.id}, 'password', 'x', now())`.execute(
        owner(),
      ),
    ).rejects.toThrow(/idx_credentials_password/);
  });

  it("is deleted together with their credentials and tokens", async () => {
    const person = await newPerson(server);
    await addPasskey(person, unique());
    expect((await post("forgot-password", { email: person.email })).status).toBe(202);
    await server.mail(person.email, "reset-password");
    const rowCount = async () =>
      (
        await sql<{ rows: number }>`select ((select count(*) from credentials where user_id = ${person.id})
        + (select count(*) from one_time_tokens where user_id = ${person.id}))::int as rows`.execute(owner())
      ).rows[0]?.rows;
    expect(await rowCount()).toBe(3);
    await sql`delete from users where id = ${person.id}`.execute(owner());
    expect(await rowCount()).toBe(0);
  });
});

describe("credentials and one-time tokens", () => {
  it("are invisible in the scope of an organization and in the internal scope", async () => {
    const organization = await newOrganization(server);
    await post("register", registration());
    const { database } = server.application.platform;
    const visible = (scope: Scope) =>
      database.read(scope, async (db: ReadHandle) => {
        const counts = await firstRow(
          db,
          sql<{ credentials: number; tokens: number }>`select (select count(*)::int from credentials) as credentials,
    (select count(*)::int from one_time_tokens) as tokens`,
        );
        return Object.values(counts ?? {});
      });
    expect((await visible({ tenant: "none" })).every((count) => count > 0)).toBe(true);
    for (const scope of [tenantScope(organization.id, organization.owner.id), internalScope]) expect(await visible(scope)).toEqual([0, 0]);
  });

  it("are pruned a day after their use, and unused ones are not", async () => {
    const [used, unused] = [registration(), registration()];
    for (const body of [used, unused]) await post("register", body);
    const token = tokenIn(await server.mail(used.email, "verify-email"));
    const waiting = tokenIn(await server.mail(unused.email, "verify-email"));
    expect((await post("verify-email", { token })).status).toBe(200);
    const stored = async () =>
      (
        await sql<{ used: boolean }>`select used_at is not null as used from one_time_tokens t join users u on u.id = t.user_id
        where u.email in (${used.email}, ${unused.email}) order by used`.execute(owner())
      ).rows.map((row) => row.used);
    expect(await asOperator(server, "authentication.pruneTokens", {})).toMatchObject({ more: false });
    expect(await stored()).toEqual([false, true]);
    await sql`update one_time_tokens set used_at = used_at - interval '25 hours' where used_at is not null`.execute(owner());
    expect((await asOperator(server, "authentication.pruneTokens", {})).removed).toBeGreaterThan(0);
    expect(await stored()).toEqual([false]);
    expect((await post("verify-email", { token })).body.error.code).toBe("identity.token_invalid");
    expect((await post("verify-email", { token: waiting })).status).toBe(200);
  });
});
