import { type AddressInfo, createServer } from "node:net";
import { asAdministrator, describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { type OwnPostgresql, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { sql } from "kysely";
import { afterEach, describe, expect, it } from "vitest";
import { StartRefused } from "../start-refused.ts";
import { type Engine, refusalOfEngine, refuseOtherEngine } from "./engine.ts";
import { openPostgresql } from "./postgresql.ts";

const postgresql: Engine = {
  version: "PostgreSQL 15.13 (Debian 15.13-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc (Debian 12.2.0-14) 12.2.0, 64-bit",
  versionNumber: 150_013,
  inRecovery: false,
  hasTransactionIds: true,
  hasPlpgsql: true,
  hasDsqlJobs: false,
  distributedTables: [],
};

describe("the server behind DATABASE_URL", () => {
  it.each([
    postgresql.version,
    "PostgreSQL 17.2 on aarch64-apple-darwin24.2.0, compiled by Apple clang version 16.0.0 (clang-1600.0.26.6), 64-bit",
    "PostgreSQL 16.6 on x86_64-pc-linux-musl, compiled by gcc (Alpine 14.2.0) 14.2.0, 64-bit",
    "PostgreSQL 16.4 (EnterpriseDB Advanced Server 16.4.1) on x86_64-pc-linux-gnu, compiled by gcc, 64-bit",
  ])("is accepted if it is PostgreSQL: %s", (version) => {
    expect(refusalOfEngine({ ...postgresql, version })).toBeUndefined();
  });

  it.each([
    ["CockroachDB", "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27 01:53:43, go1.19.10)"],
    ["YugabyteDB", "PostgreSQL 11.2-YB-2.20.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 16.0.6, 64-bit"],
    ["YugabyteDB", "PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu, compiled by clang version 17.0.6, 64-bit"],
    ["Amazon Redshift", "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2, Redshift 1.0.63282"],
    ["Greenplum", "PostgreSQL 12.12 (Greenplum Database 7.1.0 build commit:e7c2b1f1) on x86_64-pc-linux-gnu"],
    ["Materialize", "PostgreSQL 9.5 on x86_64-unknown-linux-gnu (Materialize v0.127.1)"],
  ])("is rejected by name: %s", (name, version) => {
    expect(refusalOfEngine({ ...postgresql, version, versionNumber: 150_002 })).toContain(`names a ${name} ("`);
  });

  it("is rejected by name if it is Aurora DSQL, which calls itself PostgreSQL", () => {
    const dsql = { ...postgresql, version: "PostgreSQL 16", versionNumber: 160_000, hasPlpgsql: false, hasDsqlJobs: true };
    expect(refusalOfEngine(dsql)).toContain("Amazon Aurora DSQL");
  });

  it("is rejected if its name is unknown and it has no transaction ids", () => {
    expect(refusalOfEngine({ ...postgresql, version: "PostgreSQL 16.0 (Example)", hasTransactionIds: false })).toContain("not PostgreSQL");
    expect(refusalOfEngine({ ...postgresql, version: "MySQL 8.0" })).toContain("not PostgreSQL");
  });

  it("is rejected if it is too old, is a standby, or has distributed the product's tables", () => {
    expect(refusalOfEngine({ ...postgresql, version: "PostgreSQL 14.12 on x86_64", versionNumber: 140_012 })).toContain("15 or newer");
    expect(refusalOfEngine({ ...postgresql, inRecovery: true })).toContain("DATABASE_READ_URL");
    expect(refusalOfEngine({ ...postgresql, distributedTables: ["events"] })).toContain("(events)");
  });
});

const refusal = (url: string): Promise<string> =>
  refuseOtherEngine(url, "public").then(
    () => "taken",
    (error: unknown) => {
      expect(error).toBeInstanceOf(StartRefused);
      expect((error as StartRefused).exitCode).toBe(78);
      return (error as Error).message;
    },
  );

/** A server with a minimal subset of PostgreSQL's protocol: it answers with its version, and fails every other query. */
async function lookAlike(version: string): Promise<{ readonly url: string; close(): Promise<void> }> {
  const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const number = (value: number, bytes: 2 | 4): Buffer => {
    const made = Buffer.alloc(bytes);
    made.writeIntBE(value, 0, bytes);
    return made;
  };
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);
  const ready = message("Z", Buffer.from("I"));
  const column = [text("version"), number(0, 4), number(0, 2), number(25, 4), number(-1, 2), number(-1, 4), number(0, 2)];
  const row = [number(1, 2), number(Buffer.byteLength(version), 4), Buffer.from(version)];
  const answer = [message("T", number(1, 2), ...column), message("D", ...row), message("C", text("SELECT 1"))];
  const failure = message("E", text("SERROR"), text("C42883"), text("Munknown function"), Buffer.from([0]));
  const server = createServer((socket) => {
    let begun = false;
    socket.on("error", () => {});
    socket.on("data", (data) => {
      if (!begun) socket.write(Buffer.concat([message("R", number(0, 4)), ready]));
      else if (data.includes("select version()")) socket.write(Buffer.concat([...answer, ready]));
      else if (data[0] === "Q".charCodeAt(0)) socket.write(Buffer.concat([failure, ready]));
      begun = true;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://root@127.0.0.1:${port}/gatehouse`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

describe("a server that speaks PostgreSQL's protocol", () => {
  it.each([
    ["names a CockroachDB", "CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27)"],
    ["not PostgreSQL", "PostgreSQL 16.0 of another vendor"],
  ])("is rejected by its version before any other query: %s", async (words, version) => {
    const server = await lookAlike(version);
    try {
      expect(await refusal(server.url)).toContain(words);
    } finally {
      await server.close();
    }
  });
});

// Facts of a real server; those of the embedded one never change.
describeOnPostgresql("a PostgreSQL server", () => {
  if (postgresqlPrograms() === undefined) return it.skip("no PostgreSQL is installed here that a test could start", () => {});
  const toClose: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of toClose.splice(0).reverse()) await each.close();
  }, 60_000);
  const started = async (): Promise<OwnPostgresql> => {
    const server = await startPostgresql();
    toClose.push(server);
    return server;
  };

  it("is accepted as a primary and rejected as a standby", { timeout: 120_000 }, async () => {
    const primary = await started();
    const standby = await primary.standby();
    toClose.push(standby);
    expect(await refusal(primary.url)).toBe("taken");
    expect(await refusal(standby.url)).toContain("names a standby");
  });

  it("is rejected if Citus has distributed a table, and accepted otherwise", {
    timeout: 120_000,
  }, async () => {
    const server = await started();
    const database = openPostgresql({ url: server.url, poolSize: 1 });
    toClose.push(database);
    await sql`create table events (id integer)`.execute(database.owner);
    await asAdministrator(async (client) => {
      await client.query("set allow_system_table_mods = on");
      await client.query(`create table pg_catalog.pg_dist_partition (logicalrelid regclass not null, partmethod "char" not null)`);
    }, server.url);
    expect(await refusal(server.url)).toBe("taken");
    await sql`insert into pg_catalog.pg_dist_partition values ('events', 'h')`.execute(database.owner);
    expect(await refusal(server.url)).toContain("undistribute_table");
  });
});
