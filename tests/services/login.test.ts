import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { describeOnPostgresql, dropWithRole } from "@gatehouse/testing/databases.ts";
import { found } from "@gatehouse/testing/own-services.ts";
import { adminUrl } from "@gatehouse/testing/postgres.ts";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";

const login = `gatehouse_test_${randomBytes(6).toString("hex")}`;
const own = new URL(adminUrl);
own.username = login;
own.password = 'it\'s a "password" of :letters';
own.pathname = `/${login}`;
const admin = new URL(adminUrl);

describeOnPostgresql("deploy/postgresql/login.sh, which the database's container runs at its first start", () => {
  const without = found("psql") === undefined;
  beforeAll(() => {
    if (without) return;
    execFileSync(join(import.meta.dirname, "../../deploy/postgresql/login.sh"), {
      env: {
        PATH: process.env["PATH"],
        PGHOST: admin.hostname,
        PGPORT: admin.port || "5432",
        PGPASSWORD: decodeURIComponent(admin.password),
        POSTGRES_USER: decodeURIComponent(admin.username),
        GATEHOUSE_DATABASE_LOGIN: login,
        GATEHOUSE_DATABASE_PASSWORD: decodeURIComponent(own.password),
      },
    });
  });
  afterAll(() => dropWithRole(login));

  it.skipIf(without)(
    `login.sh creates a login that can migrate and is subject to row-level security${without ? " (skipped: no psql)" : ""}`,
    async () => {
      const environment = { DATABASE_URL: own.href };
      expect(await runGatehouse(["migrate"], environment)).toMatchObject({ code: 0 });
      const { output } = await runGatehouse(["doctor"], environment);
      expect(output).toContain("row-level security applies to the login");
      expect(output).toContain("the schema is up to date");
    },
  );

  it.skipIf(without)("the application's login receives no other privilege", async () => {
    const client = new pg.Client({ connectionString: own.href });
    await client.connect();
    try {
      const { rows } = await client.query(
        "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user",
      );
      expect(rows).toEqual([{ rolsuper: false, rolbypassrls: false, rolcreaterole: false, rolcreatedb: false }]);
    } finally {
      await client.end();
    }
  });
});
