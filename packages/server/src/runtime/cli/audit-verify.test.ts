import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { newOrganization, type OrganizationOf } from "@gatehouse/testing/people.ts";
import { type AnyBody, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

// Each test starts programs, which is slow on a busy machine.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 480_000 });

/** An export of an organization, with the checkpoint from before it and the keys: verifiable offline. */
describe("an export without a server", () => {
  let directory: string;
  let lines: string[];
  let checkpoint: AnyBody;
  let organization: OrganizationOf;
  const environment = (): Record<string, string> => ({ GATEHOUSE_DATA_DIR: join(directory, "data") });
  const at = (name: string) => join(directory, name);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "gatehouse-audit-"));
    const server: TestServer = await openTestServer(
      { GATEHOUSE_SIGN_IN_LIMIT: "off", ...environment() },
      { begins: "migrated", worker: true },
    );
    organization = await newOrganization(server);
    const { token } = organization.owner;
    for (const name of ["One", "Two", "Three"]) {
      await server.call(`PUT /api/v1/iam/organizations/${organization.id}`, { token, body: { name: `${name} of ${organization.id}` } });
    }
    // An event with a resource type and no resource, and details whose keys a parser might reorder.
    const details = { b: 1, 10: "ten", 2: "two", ü: "ä\u2028", nested: { z: [], a: null, n: -0.5 } };
    const body = { organizationId: organization.id, source: "shop", action: "order.placed", entityType: "order", details };
    await server.call("POST /api/v1/audit/events", { token, body });
    await server.application.settled();
    checkpoint = (await server.call(`GET /api/v1/audit/checkpoint?organizationId=${organization.id}`, { token })).body;
    const exported = await server.call(`GET /api/v1/audit/export?organizationId=${organization.id}`, { token });
    lines = exported.body.trimEnd().split("\n");
    writeFileSync(at("keys.json"), JSON.stringify((await server.call("GET /.well-known/audit-keys.json")).body));
    writeFileSync(at("checkpoint.jsonl"), `${JSON.stringify(checkpoint)}\n`);
    await server.close();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const verify = (content: readonly string[], ...more: string[]) => {
    writeFileSync(at("export.jsonl"), `${content.join("\n")}\n`);
    const signed = ["--against", at("checkpoint.jsonl"), "--keys", at("keys.json")];
    return runGatehouse(["audit", "verify", "--file", at("export.jsonl"), ...signed, ...more], {});
  };
  const changed = (index: number, change: (log: AnyBody) => void): string[] => {
    const log = JSON.parse(lines[index] as string);
    change(log);
    return lines.with(index, JSON.stringify(log));
  };

  it("is proven by an earlier checkpoint, without a server, a database or a configuration", async () => {
    const { code, output } = await verify(lines, "--complete");
    expect(output).toContain(
      `${organization.id}: ${lines.length} records from 1 to ${lines.length}, without a gap; records 1 to ${checkpoint.number} are as`,
    );
    expect(output).toContain("are intact");
    expect(code).toBe(0);
  });

  it("reports each record that was changed, left out, moved or added", async () => {
    const verified = async (content: readonly string[], ...more: string[]) => {
      const { code, output } = await verify(content, ...more);
      expect(code, output).toBe(1);
      return output;
    };
    const name = organization.id;
    expect(await verified(changed(2, (log) => Object.assign(log, { result: "refused" })))).toContain(
      `WRONG ${name}, record 3: was changed`,
    );
    expect(await verified(changed(2, (log) => Object.assign(log.details, { more: 1 })))).toContain(`WRONG ${name}, record 3: was changed`);
    expect(await verified(lines.toSpliced(2, 1), "--complete")).toContain("the file does not have every record");
    expect(await verified(lines.slice(1), "--complete")).toContain("the file does not have every record");
    expect(await verified(lines.slice(0, 2), "--complete")).toContain("the file does not have every record");
    const swapped = lines.with(1, lines[2] as string).with(2, lines[1] as string);
    expect(await verified(swapped)).toContain(`WRONG ${name}, record 2: follows record 3: reordered`);
    expect(await verified([...lines, "{}"])).toContain(`WRONG line ${lines.length + 1} is not a record`);
  });

  it("that a search has filtered is intact, and reports the missing records", async () => {
    const { code, output } = await verify(lines.toSpliced(2, 1));
    expect(output).toContain("1 between them are not in the file");
    expect(output).toContain(`records 4 to ${checkpoint.number} are as`);
    expect(code).toBe(0);
  });

  it("is not proven by a checkpoint with another key's signature, or without one", async () => {
    writeFileSync(at("keys.json"), JSON.stringify({ keys: [{ kid: checkpoint.keyId, x: "A".repeat(43) }] }));
    const { code, output } = await verify(lines);
    expect(code).toBe(1);
    expect(output).toContain("is signed with a key that is not among the trusted ones");
    expect(output).toContain("no signature covers them");
  });

  it("with options of the other form is a usage error", async () => {
    expect(await runGatehouse(["audit", "verify", "--file", at("none.jsonl")], {})).toMatchObject({ code: 64 });
    expect(await runGatehouse(["audit", "verify", "--keys", at("keys.json")], {})).toMatchObject({ code: 64 });
  });

  it("has a chain that the server compares with more checkpoints than one call takes", async () => {
    writeFileSync(at("many.jsonl"), Array.from({ length: 450 }, () => `${JSON.stringify(checkpoint)}\n`).join(""));
    const whole = await runGatehouse(["audit", "verify", "--against", at("many.jsonl")], environment());
    expect(whole, whole.output).toMatchObject({ code: 0, output: expect.stringContaining("The audit log is intact.") });
    const server = await openTestServer(environment(), { worker: false });
    await server.application.platform.database.owner.transaction().execute(async (tx) => {
      await sql`set local session_replication_role = replica`.execute(tx);
      await sql`update audit_records set action = 'Nothing' where organization_id = ${organization.id} and number = 2`.execute(tx);
    });
    await server.close();
    const result = await runGatehouse(["audit", "verify", "--against", at("many.jsonl")], environment());
    expect(result).toMatchObject({ code: 1, output: expect.stringContaining(`WRONG ${organization.id}: record 2 was changed (changed)`) });
    expect(result.output).toContain("1 thing is wrong.");
  });
});
