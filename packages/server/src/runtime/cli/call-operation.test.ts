import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { asAdministrator, describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { makeDatabase } from "@gatehouse/testing/postgres.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

vi.setConfig({ testTimeout: 120_000 });

/** Commands that need an existing installation. */
const commands = ["audit verify", "audit checkpoint", "projection verify", "projection rebuild"];
const masterKey = randomBytes(32).toString("base64");
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gatehouse-reach-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each(commands)("gatehouse %s", (command) => {
  it("reports that an empty folder has no installation, and creates none", async () => {
    expect(await runGatehouse(command.split(" "), { GATEHOUSE_DATA_DIR: folder })).toEqual({
      code: 78,
      output: expect.stringContaining(`There is no installation in ${folder}.`),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  describeOnPostgresql("on PostgreSQL", () => {
    it("reports that an empty database has no installation, and creates none", async () => {
      const { url, drop } = await makeDatabase();
      const environment = { DATABASE_URL: url, GATEHOUSE_MASTER_KEY: masterKey, GATEHOUSE_DATA_DIR: folder };
      expect(await runGatehouse(command.split(" "), environment)).toEqual({
        code: 78,
        output: expect.stringContaining("There is no installation in the database of DATABASE_URL."),
      });
      const tables = "select count(*)::int as tables from pg_class where relnamespace = 'public'::regnamespace";
      expect((await asAdministrator((client) => client.query(tables), url)).rows).toEqual([{ tables: 0 }]);
      await drop();
    });
  });
});
