import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listens, services } from "@gatehouse/testing/services.ts";
import { afterAll, describe, expect, it } from "vitest";
import { gatehouse, startServer } from "./process.ts";

const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-cli-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
const postgresqlListens = await listens("postgresql");
const embedded = { GATEHOUSE_DATA_DIR: dataDir };

describe("the command line, alone", () => {
  it("the command line lists its commands and refuses an unknown one with exit code 64", async () => {
    expect((await gatehouse([])).output).toContain("user create");
    expect((await gatehouse(["fly"])).code).toBe(64);
    expect((await gatehouse(["start", "--wings"])).code).toBe(64);
  });

  it("migrate creates the schema in an empty directory once", async () => {
    expect((await gatehouse(["migrate"], embedded)).output).toContain("0001_log_events");
    expect((await gatehouse(["migrate"], embedded)).output).toContain("The schema is up to date.");
  });

  it("the command line creates a user without a server, with the password from standard input, and refuses a duplicate", async () => {
    const args = ["user", "create", "--email", "ada@example.com", "--first-name", "Ada", "--last-name", "Admin", "--administrator"];
    const made = await gatehouse(args, embedded, "a quiet green harbour\n");
    expect(made.code, made.output).toBe(0);
    expect(JSON.parse(made.output).status).toBe("Active");
    const again = await gatehouse(args, embedded, "a quiet green harbour\n");
    expect(again.code).toBe(1);
    expect(again.output).toContain("identity.email_taken");
    const weak = await gatehouse(
      ["user", "create", "--email", "b@example.com", "--first-name", "B", "--last-name", "B"],
      embedded,
      "password\n",
    );
    expect(weak.output).toContain("password");
    expect(weak.code).toBe(1);
  });

  it("the command line creates an API key, and names the option that is missing and the role that is unknown", async () => {
    const create = (...options: string[]) => gatehouse(["key", "create", ...options], embedded);
    const created = await create("--name", "Shop", "--role", "Administrator", "--scope", "Authorization.Check", "--scope", "User.Read");
    expect(created.code, created.output).toBe(0);
    expect(JSON.parse(created.output)).toMatchObject({
      key: expect.stringMatching(/^ghk_/),
      organizationId: null,
      owner: { kind: "service" },
      scopes: ["Authorization.Check", "User.Read"],
    });
    const withoutScope = await create("--name", "Shop", "--role", "Administrator");
    expect([withoutScope.code, withoutScope.output]).toEqual([64, expect.stringContaining("--scope are needed")]);
    const unknown = await create("--name", "Other", "--role", "Janitor", "--scope", "User.Read");
    expect([unknown.code, unknown.output]).toEqual([64, expect.stringContaining('no role named "Janitor"')]);
    const taken = await create("--name", "Shop", "--role", "Administrator", "--scope", "User.Read");
    expect([taken.code, taken.output]).toEqual([1, expect.stringContaining("name")]);
  });

  it("audit verify compares the audit log with stored checkpoints and names the changed chain", async () => {
    const checkpoints = join(dataDir, "checkpoints.jsonl");
    const server = await startServer(dataDir);
    try {
      // Each call starts a program.
      const looks = { timeout: 20_000, interval: 200 };
      await expect.poll(async () => (await gatehouse(["audit", "checkpoint"], embedded)).output, looks).toContain('"kind":"head"');
    } finally {
      await server.end("SIGTERM");
    }
    expect((await gatehouse(["audit", "checkpoint", "--out", checkpoints], embedded)).code).toBe(0);
    const whole = await gatehouse(["audit", "verify", "--against", checkpoints], embedded);
    expect(whole.output).toMatch(/^internal: \d+ records verified$/m);
    expect(whole.output).toContain("The audit log is intact.");
    expect(whole.code).toBe(0);
    const [head] = readFileSync(checkpoints, "utf8").split("\n");
    writeFileSync(checkpoints, JSON.stringify({ ...JSON.parse(head as string), hash: "0".repeat(64) }));
    const other = await gatehouse(["audit", "verify", "--organization", "internal", "--against", checkpoints], embedded);
    expect(other.output).toMatch(/^WRONG internal: .* \(wrong_signature\)$/m);
    expect(other.code).toBe(1);
    expect((await gatehouse(["audit", "verify", "--organization", "nobody"], embedded)).code).toBe(64);
    // Eight sequential starts of the program.
  }, 120_000);

  it("a start names every wrong variable with its value and what it accepts, with exit code 78 and without secrets", async () => {
    const wrong = await gatehouse(["start"], { ...embedded, PORT: "http", LOG_LEVEL: "loud", DATABASE_URL: "mysql://root:hunter2@db/x" });
    expect(wrong.code).toBe(78);
    expect(wrong.output).toContain('PORT is "http"; it takes a whole number');
    expect(wrong.output).toContain('LOG_LEVEL is "loud"');
    expect(wrong.output).toContain("DATABASE_URL is set, but invalid");
    expect(wrong.output).not.toContain("hunter2");
  });

  it("a start that listens beyond loopback is refused when it is unsafe, and says what is missing", async () => {
    const unsafe = await gatehouse(["start"], { ...embedded, HOST: "0.0.0.0" });
    expect(unsafe.code).toBe(78);
    for (const name of ["DATABASE_URL", "GATEHOUSE_MASTER_KEY", "SMTP_URL", "TRUST_PROXY"]) expect(unsafe.output).toContain(name);
  });

  it("a start says in a sentence that PostgreSQL does not answer or rejects the login, and shows no password", async () => {
    // Nothing listens on port 1.
    for (const command of [["start"], ["migrate"]]) {
      const away = await gatehouse(command, { DATABASE_URL: "postgres://me:hunter2@127.0.0.1:1/gatehouse" });
      expect(away).toMatchObject({ code: 69, output: "PostgreSQL (DATABASE_URL) does not answer: connect ECONNREFUSED 127.0.0.1:1\n" });
    }
  });

  it.runIf(postgresqlListens)("a start reports what PostgreSQL refuses (skipped where none answers)", async () => {
    const url = new URL(services.postgresql);
    url.pathname = "/no_such_database";
    const refused = await gatehouse(["start"], { DATABASE_URL: url.href });
    expect(refused).toMatchObject({ code: 78, output: expect.stringContaining('database "no_such_database" does not exist') });
    expect(refused.output.trim().split("\n")).toHaveLength(1);
  });

  it("the doctor probes each configured service", async () => {
    const examined = await gatehouse(["doctor"], {
      DATABASE_URL: "postgres://me:hunter2@127.0.0.1:1/gatehouse",
      NATS_URL: "nats://127.0.0.1:1",
      REDIS_URL: "redis://127.0.0.1:1",
      EVENTS_URL: "amqp://127.0.0.1:1",
    });
    expect(examined.code).toBe(1);
    for (const name of ["PostgreSQL", "NATS", "Redis", "the events' broker"])
      expect(examined.output).toMatch(new RegExp(`^WRONG ${name} does not answer`, "m"));
    expect(examined.output).not.toContain("hunter2");
  });

  it("the command line prints the configuration and the OpenAPI document", async () => {
    const configuration = await gatehouse(["config"], { DATABASE_URL: "postgres://me:hunter2@db/x" });
    expect(configuration.output).toContain("GATEHOUSE_DATA_DIR");
    expect(configuration.output).not.toContain("hunter2");
    expect(JSON.parse((await gatehouse(["openapi"])).output).openapi).toBe("3.1.0");
  });
});
