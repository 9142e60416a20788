import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { gatehouse } from "./process.ts";

const dataDir = mkdtempSync(join(tmpdir(), "gatehouse-cli-"));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));
const embedded = { GATEHOUSE_DATA_DIR: dataDir };

describe("the command line, alone", () => {
  it("lists its commands, and refuses one that it does not have with exit code 64", async () => {
    expect((await gatehouse([])).output).toContain("user create");
    expect((await gatehouse(["fly"])).code).toBe(64);
    expect((await gatehouse(["start", "--wings"])).code).toBe(64);
  });

  it("migrates an empty directory, once", async () => {
    expect((await gatehouse(["migrate"], embedded)).output).toContain("0001_log_events");
    expect((await gatehouse(["migrate"], embedded)).output).toContain("The schema is up to date.");
  });

  it("creates a user without a server, with the password from standard input, and refuses a second one", async () => {
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

  it("names every wrong variable, what it got and what it takes, with exit code 78 and without showing secrets", async () => {
    const wrong = await gatehouse(["start"], { ...embedded, PORT: "http", LOG_LEVEL: "loud", DATABASE_URL: "mysql://root:hunter2@db/x" });
    expect(wrong.code).toBe(78);
    expect(wrong.output).toContain('PORT is "http"; it takes a whole number');
    expect(wrong.output).toContain('LOG_LEVEL is "loud"');
    expect(wrong.output).toContain("DATABASE_URL is set, but not right");
    expect(wrong.output).not.toContain("hunter2");
  });

  it("refuses an unsafe start outside of loopback and says what is missing", async () => {
    const unsafe = await gatehouse(["start"], { ...embedded, HOST: "0.0.0.0" });
    expect(unsafe.code).toBe(78);
    for (const name of ["DATABASE_URL", "GATEHOUSE_MASTER_KEY", "SMTP_URL", "TRUST_PROXY"]) expect(unsafe.output).toContain(name);
  });

  it("prints the configuration and the API's description", async () => {
    const configuration = await gatehouse(["config"], { DATABASE_URL: "postgres://me:hunter2@db/x" });
    expect(configuration.output).toContain("GATEHOUSE_DATA_DIR");
    expect(configuration.output).not.toContain("hunter2");
    expect(JSON.parse((await gatehouse(["openapi"])).output).openapi).toBe("3.1.0");
  });
});
