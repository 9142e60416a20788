/** Attack 40 of docs/security/attacks.md. */
import { randomBytes } from "node:crypto";
import { routesOf, sendRequest } from "@gatehouse/testing/requests.ts";
import { sampleOf } from "@gatehouse/testing/samples.ts";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { quiet } from "@gatehouse/testing/stored-rows.ts";
import { twoTenants, World } from "@gatehouse/testing/world.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { secretKeyword } from "../../packages/server/src/operation/declaration/schema.ts";
import { everyTenant } from "../../packages/server/src/platform/database/database.ts";

const world = World.ofSuite(twoTenants, { GATEHOUSE_AUDIT_FORWARD: "on" });
const { server } = world;

const secretFieldsOf = (schema: AnyBody): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, field]) => ((field as AnyBody)[secretKeyword] === true ? [name] : []));

/** A random text that has the same form in JSON and in plain text. */
const planted = (): string => `planted${randomBytes(20).toString("hex")}`;

/** Every row of every table as text, jobs included. */
async function everyRow(): Promise<string> {
  const { database } = server.application.platform;
  return database.transact(everyTenant, async (tx) => {
    await sql`reset role`.execute(tx);
    const { rows: tables } = await sql<{ name: string }>`select schemaname || '.' || tablename as name from pg_tables
      where schemaname in ('public', 'jobs')`.execute(tx);
    const texts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await sql<{ row: string }>`select to_jsonb(t)::text as row from ${sql.table(name)} t`.execute(tx);
      texts.push(...rows.map(({ row }) => row));
    }
    return texts.join("\n");
  });
}

describe("planted secrets", () => {
  it("planted secrets never appear in an answer, in the logs, in events, jobs, the audit log or any other table", {
    timeout: 180_000,
  }, async () => {
    const secrets: string[] = [];
    const answers: string[] = [];
    const remember = (): string => {
      const secret = planted();
      secrets.push(secret);
      return secret;
    };
    const inSecrets = routesOf(server).filter((operation) => secretFieldsOf(operation.input).length > 0);
    expect(inSecrets.length).toBeGreaterThan(5);
    for (const operation of inSecrets) {
      for (const field of secretFieldsOf(operation.input)) {
        const sample = await sampleOf(world, operation.name);
        // Wrong, and so refused; and where it may be anything, as a password, right and so kept as a hash.
        const { body } = await sendRequest(server, operation, { ...sample, input: { ...sample.input, [field]: remember() } });
        answers.push(JSON.stringify(body));
        const invalid = { ...sample.input, [field]: remember(), nonsense: remember() };
        answers.push(JSON.stringify((await sendRequest(server, operation, { ...sample, input: invalid })).body));
      }
    }
    // As credentials of a request, and where the schema ends.
    const headers = { authorization: `Bearer ghs_${remember()}`, cookie: `gh_session=ghs_${remember()}` };
    answers.push(JSON.stringify((await server.call("GET /api/v1/iam/users/me", { headers })).body));
    const { token } = world.own.owner;
    const details = { password: remember(), nested: { apiKey: remember(), note: `Bearer ${remember()}` } };
    const body = { organizationId: world.own.id, source: "shop", action: "order.placed", details };
    expect((await server.call("POST /api/v1/audit/events", { token, body })).status).toBe(201);

    await quiet(server);
    const places = { rows: await everyRow(), logs: JSON.stringify(server.logged), answers: answers.join("\n") };
    const logs = await server.call(`GET /api/v1/audit/logs?limit=200`, { token: world.administrator.token });
    const found = Object.entries({ ...places, auditLog: JSON.stringify(logs.body) }).flatMap(([place, text]) =>
      secrets.filter((secret) => text.includes(secret)).map((secret) => `${place}: ${secret}`),
    );
    expect(found).toEqual([]);
    expect(secrets.length).toBeGreaterThan(15);
  });
});
