import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { runGatehouse } from "@gatehouse/testing/command-line.ts";
import { asAdministrator, describeOnPostgresql } from "@gatehouse/testing/databases.ts";
import { type OwnPostgresql, postgresqlPrograms, startPostgresql } from "@gatehouse/testing/own-postgresql.ts";
import { type Person, password } from "@gatehouse/testing/people.ts";
import { type AnyBody, openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { World } from "@gatehouse/testing/world.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { StartRefused } from "../../packages/server/src/platform/start-refused.ts";

const run = promisify(execFile);
const iam = "/api/v1/iam";
const programs = postgresqlPrograms();

// A dump does not contain the transaction ids of its cluster. Both clusters are the test's own.
describeOnPostgresql("a database that pg_dump moved to another cluster", () => {
  if (programs === undefined) return it.skip("PostgreSQL that a test can start is not installed", () => {});
  const masterKey = randomBytes(32).toString("base64");
  const dump = join(tmpdir(), `gatehouse-moved-${randomBytes(4).toString("hex")}.dump`);
  const environment = (url: string) => ({ DATABASE_URL: url, GATEHOUSE_MASTER_KEY: masterKey, GATEHOUSE_SIGN_IN_LIMIT: "off" });
  /** As a superuser, because row-level security applies to any other login. */
  const rowsOf = (at: string, text: string): Promise<AnyBody[]> =>
    asAdministrator(async (client) => (await client.query(text)).rows, at.replace("plain@", "postgres@"));
  const burn = (url: string, count: number) =>
    rowsOf(url, `do $$ begin for i in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`);

  let home: OwnPostgresql;
  let cluster: OwnPostgresql;
  let world: World;
  let people: readonly Person[];
  /** Ids of the log's events in their order. */
  let order: readonly string[];
  let consumers: number;
  let url: string;
  let count = 0;

  const eventIds = async (at: string): Promise<string[]> =>
    (await rowsOf(at, "select id from events order by transaction, sequence")).map(({ id }) => id);
  const answers = async (server: TestServer): Promise<AnyBody[]> => {
    const given: AnyBody[] = [];
    for (const person of people) {
      const body = { userId: person.id, tenantId: world.organization.id, actionType: "Room.Read" };
      const { status, body: answer } = await server.call(`POST ${iam}/authorization/check`, { token: person.token, body });
      given.push([person.email, status, answer.isAuthorized]);
    }
    return given;
  };
  let before: AnyBody[];

  beforeAll(async () => {
    home = await startPostgresql();
    cluster = await startPostgresql();
    // The old cluster has assigned more transaction ids than the new one.
    await burn(home.url, 20_000);
    const server = await openTestServer(environment(home.url));
    world = await World.on(server, ["member", "nonMember"]);
    await world.define("Room", "Room.Read");
    const role = await world.roleWith("Room.Read", { effect: "allow" });
    const reader = await world.person(role);
    people = [world.owner, world.member, world.nonMember, reader];
    await server.application.settled();
    before = await answers(server);
    expect(new Set(before.map(([, , allowed]) => allowed))).toEqual(new Set([true, false]));
    await server.application.settled();
    await server.close();
    order = await eventIds(home.url);
    expect(order.length).toBeGreaterThan(20);
    consumers = (await rowsOf(home.url, "select from consumers")).length;
    await run(join(programs, "pg_dump"), ["-Fc", "-f", dump, home.url]);
  }, 240_000);
  afterAll(async () => {
    rmSync(dump, { force: true });
    await cluster?.close();
    await home?.close();
  }, 60_000);

  /** As a superuser, who switches to a plain role in transactions, or as the database's owner, subject to row-level security. */
  const restoredIn = async (target: OwnPostgresql, login: "postgres" | "plain" = "postgres"): Promise<string> => {
    count += 1;
    for (const role of ["gatehouse_app nologin", "plain login"])
      await rowsOf(target.url, `do $$ begin create role ${role}; exception when duplicate_object then null; end $$`);
    await rowsOf(target.url, `create database moved_${count} owner ${login}`);
    const restored = target.url.replace(/postgres$/, `moved_${count}`).replace("postgres@", `${login}@`);
    await run(join(programs, "pg_restore"), ["-d", restored, "--no-owner", "--exit-on-error", dump]);
    return restored;
  };
  const starts = (at: string): Promise<string> =>
    openTestServer(environment(at)).then(
      async (server) => {
        await server.close();
        return "started";
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(StartRefused);
        return (error as Error).message;
      },
    );
  const worksAsBefore = async (at: string): Promise<void> => {
    const server = await openTestServer(environment(at));
    try {
      expect(await answers(server)).toEqual(before);
      const signedIn = await server.call(`POST ${iam}/auth/login`, { body: { email: world.owner.email, password } });
      expect(signedIn.status).toBe(200);
      const made = await server.call(`POST ${iam}/roles`, {
        token: world.owner.token,
        body: { name: `Made after ${count}`, scope: "Organization", organizationId: world.organization.id },
      });
      expect(made.status).toBe(201);
      await server.application.settled();
      const grown = await eventIds(at);
      expect(grown.slice(0, order.length)).toEqual(order);
      expect(grown.length).toBeGreaterThan(order.length);
    } finally {
      await server.close();
    }
    for (const command of [["projection", "verify"], ["audit", "verify"], ["doctor"]]) {
      const ended = await runGatehouse(command, environment(at));
      expect(ended, ended.output).toMatchObject({ code: 0 });
    }
    const rows = await rowsOf(at, "select name from consumers where transaction > pg_snapshot_xmax(pg_current_snapshot())");
    expect(rows).toEqual([]);
    expect(await rowsOf(at, "select from consumers")).toHaveLength(consumers);
    expect(await rowsOf(at, "select from dead_letters")).toEqual([]);
  };

  describe("a target that has assigned fewer transaction ids", () => {
    beforeEach(async () => {
      url = await restoredIn(cluster);
    }, 60_000);

    it("a start and the doctor refuse the moved database by name and change nothing", { timeout: 120_000 }, async () => {
      const rows = await rowsOf(url, "select count(*)::int as events from events");
      expect(await starts(url)).toContain("moved here from another PostgreSQL");
      const doctor = await runGatehouse(["doctor"], environment(url));
      expect(doctor.code).toBe(1);
      expect(doctor.output).toContain("WRONG The database was moved here from another PostgreSQL");
      expect(doctor.output).toContain("gatehouse rebase");
      const started = await runGatehouse(["start"], { ...environment(url), PORT: "0" });
      expect(started).toMatchObject({ code: 78, output: expect.stringContaining("gatehouse rebase") });
      expect(started.output.trim().split("\n")).toHaveLength(1);
      expect(await rowsOf(url, "select count(*)::int as events from events")).toEqual(rows);
    });

    it.each(["postgres", "plain"] as const)(
      "a rebase by the login %s repairs the database, and a second one changes nothing",
      { timeout: 240_000 },
      async (login) => {
        url = await restoredIn(cluster, login);
        const rebased = await runGatehouse(["rebase"], environment(url));
        expect(rebased, rebased.output).toMatchObject({ code: 0, output: expect.stringContaining(`events: ${order.length} rows`) });
        expect(await eventIds(url)).toEqual(order);
        const again = await runGatehouse(["rebase"], environment(url));
        expect(again).toMatchObject({ code: 0, output: expect.stringContaining("Nothing was changed") });
        await worksAsBefore(url);
      },
    );

    it("a rebase is refused while a server runs and when a signature is wrong", { timeout: 120_000 }, async () => {
      const server = await asAdministrator(async (client) => {
        await client.query("set application_name = 'gatehouse'");
        return runGatehouse(["rebase"], environment(url));
      }, url);
      expect(server).toMatchObject({ code: 78, output: expect.stringContaining("Stop every server") });
      await rowsOf(url, "update audit_progress set records = records - 1");
      const forged = await runGatehouse(["rebase"], environment(url));
      expect(forged).toMatchObject({ code: 78, output: expect.stringContaining("does not match its signature") });
      expect(await eventIds(url)).toEqual(order);
      expect(await starts(url)).toContain("moved here");
    });

    it("a rebase orders what an earlier release wrote here after what was moved", { timeout: 240_000 }, async () => {
      const id = "01a21ebe-0f0c-7650-86fd-1bc9057f6ffc";
      await rowsOf(
        url,
        `insert into events (id, type, subject, data, occurred_at) values ('${id}', 'user.updated.v1', 'user/${id}', '{}', now())`,
      );
      expect((await eventIds(url))[0], "its transaction id is lower than all others").toBe(id);
      const rebased = await runGatehouse(["rebase"], environment(url));
      expect(rebased, rebased.output).toMatchObject({ code: 0 });
      expect(await eventIds(url)).toEqual([...order, id]);
      // Consumers at the end of the log have not passed this event.
      const passed = await rowsOf(
        url,
        `select name from consumers where (transaction, sequence) >= (select transaction, sequence from events where id = '${id}')`,
      );
      expect(passed).toEqual([]);
    });
  });

  describe("a target that has assigned more transaction ids", () => {
    it("a server works without a rebase: new writes are ordered after what was moved", { timeout: 240_000 }, async () => {
      const older = await startPostgresql();
      try {
        await burn(older.url, 60_000);
        url = await restoredIn(older);
        await worksAsBefore(url);
      } finally {
        await older.close();
      }
    });

    it("a start is refused when logical replication left the sequences behind, and a rebase repairs them", {
      timeout: 240_000,
    }, async () => {
      const older = await startPostgresql();
      try {
        await burn(older.url, 60_000);
        url = await restoredIn(older);
        await rowsOf(url, "select setval(pg_get_serial_sequence('events', 'sequence'), 1, false)");
        expect(await starts(url)).toContain("sequences behind their rows (events)");
        const rebased = await runGatehouse(["rebase"], environment(url));
        expect(rebased, rebased.output).toMatchObject({ code: 0 });
        await worksAsBefore(url);
      } finally {
        await older.close();
      }
    });
  });
});
