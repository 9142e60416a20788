import { randomUUID } from "node:crypto";
import type { Fresh } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, everyTenant, internalScope, type Scope, tenantScope, userScope } from "../database.ts";
import { isUnavailable, violatedReference, violatedUnique } from "../driver-errors.ts";
import { allOf, anyOf, insertMany } from "../many-rows.ts";
import { type SchemaStep, sharedTable, tenantTable } from "../migrations.ts";
import { rowsOf } from "../rows.ts";

/** Tables like those of modules: of a tenant, of a tenant and a person, and without an owner. */
export const databaseContractSteps: readonly SchemaStep[] = [
  {
    name: "0001_contract_tables",
    why: "the contract needs one table of each kind",
    async up(db) {
      await sql`create table notes (id uuid primary key, organization_id uuid, body text not null)`.execute(db);
      await tenantTable(db, "notes", { tenant: "organization_id" });
      await sql`create table seats (id uuid primary key, organization_id uuid, user_id uuid not null, label text not null)`.execute(db);
      await tenantTable(db, "seats", { tenant: "organization_id", owner: "user_id" });
      await sql`create table places (name text primary key, part_of text references places (name))`.execute(db);
      await sharedTable(db, "places");
    },
  },
];

const red = "0198a000-0000-7000-8000-0000000000aa";
const blue = "0198a000-0000-7000-8000-0000000000bb";
const ada = "0198a000-0000-7000-8000-00000000ada0";
const bob = "0198a000-0000-7000-8000-00000000b0b0";
const noTenant = { tenant: "none" };

/** The contract of the database port, for every adapter. */
export function databaseConformance(name: string, make: () => Promise<Fresh>): void {
  describe(`database: ${name}`, () => {
    let fresh: Fresh;
    let database: Database;
    const ids = { red: randomUUID(), blue: randomUUID(), internal: randomUUID() };
    const seatIds = {
      adaInRed: randomUUID(),
      adaInBlue: randomUUID(),
      bobInRed: randomUUID(),
      bobInBlue: randomUUID(),
      adaNowhere: randomUUID(),
    };

    beforeAll(async () => {
      fresh = await make();
      database = fresh.database;
      await database.transact(everyTenant, async (tx) => {
        await sql`insert into notes values (${ids.red}, ${red}, 'of red'), (${ids.blue}, ${blue}, 'of blue'), (${ids.internal}, null, 'internal')`.execute(
          tx,
        );
        await sql`insert into seats values
          (${seatIds.adaInRed}, ${red}, ${ada}, 'ada in red'), (${seatIds.adaInBlue}, ${blue}, ${ada}, 'ada in blue'),
          (${seatIds.bobInRed}, ${red}, ${bob}, 'bob in red'), (${seatIds.bobInBlue}, ${blue}, ${bob}, 'bob in blue'),
          (${seatIds.adaNowhere}, null, ${ada}, 'ada without tenant')`.execute(tx);
      });
    }, 60_000);
    afterAll(() => fresh?.close());

    const bodies = (scope: Scope): Promise<string[]> =>
      database.read(scope, async (db) =>
        (await rowsOf(db, sql<{ body: string }>`select body from notes order by body`)).map((row) => row.body),
      );
    const labels = (scope: Scope): Promise<string[]> =>
      database.read(scope, async (db) =>
        (await rowsOf(db, sql<{ label: string }>`select label from seats order by label`)).map((row) => row.label),
      );
    const changed = (scope: Scope, statement: ReturnType<typeof sql>): Promise<bigint> =>
      database.transact(scope, async (tx) => (await statement.execute(tx)).numAffectedRows ?? 0n);
    const addNote = (scope: Scope, organizationId: string | null) =>
      changed(scope, sql`insert into notes values (${randomUUID()}, ${organizationId}, 'added')`);
    const rolledBack = async (scope: Scope, statement: ReturnType<typeof sql>): Promise<bigint> => {
      let rows = 0n;
      const stop = new Error("undo");
      await database
        .transact(scope, async (tx) => {
          rows = (await statement.execute(tx)).numAffectedRows ?? 0n;
          throw stop;
        })
        .catch((error) => {
          if (error !== stop) throw error;
        });
      return rows;
    };

    describe("transactions", () => {
      it("insert and find more rows per call than a statement has parameters, in their order", async () => {
        const places = Array.from({ length: 33_000 }, (_, index) => ({ name: `many ${index}`, part_of: null }));
        const names = Array.from({ length: 66_000 }, (_, index) => `many ${index}`);
        const rolledBack = new Error("rolled back: the other tests need few places");
        const seen: unknown[] = [];
        const work = database.transact(everyTenant, async (tx) => {
          const inserted = await insertMany(tx, "places", { name: "text", part_of: "text" }, places, sql<{ name: string }>`returning name`);
          const { rows } = await sql`select count(*) filter (where name = ${anyOf(names, "text")})::int as those,
          count(*) filter (where name like 'many%' and name <> ${allOf(names.slice(1), "text")})::int as others from places`.execute(tx);
          seen.push(
            inserted.map(({ name }) => name),
            ...rows,
          );
          throw rolledBack;
        });
        await expect(work).rejects.toBe(rolledBack);
        expect(seen).toEqual([places.map(({ name }) => name), { those: places.length, others: 1 }]);
      });

      it("report a statement with too many parameters as a bug, not as an outage", async () => {
        const names = Array.from({ length: 66_000 }, (_, index) => `name ${index}`);
        const failed = await database
          .read(everyTenant, (db) => db.selectFrom("places").selectAll().where("name", "in", names).execute())
          .catch((error: unknown) => error);
        expect(failed).toBeInstanceOf(Error);
        expect(isUnavailable(failed)).toBe(false);
        await expect(database.ping()).resolves.toBeUndefined();
      });

      it("are committed when they resolve, and return the result of the work", async () => {
        const place = randomUUID();
        const answer = await database.transact(everyTenant, async (tx) => {
          await sql`insert into places (name) values (${place})`.execute(tx);
          return "done";
        });
        expect(answer).toBe("done");
        const rows = await database.read(everyTenant, (db) => rowsOf(db, sql`select name from places where name = ${place}`));
        expect(rows).toEqual([{ name: place }]);
      });

      it("are rolled back when the work rejects, and reject with its error", async () => {
        const place = randomUUID();
        const failure = new Error("the work's own");
        await expect(
          database.transact(everyTenant, async (tx) => {
            await sql`insert into places (name) values (${place})`.execute(tx);
            throw failure;
          }),
        ).rejects.toBe(failure);
        const rows = await database.read(everyTenant, (db) => rowsOf(db, sql`select name from places where name = ${place}`));
        expect(rows).toEqual([]);
      });

      it("are rolled back when the work ignores a failed statement", async () => {
        const place = randomUUID();
        await expect(
          database.transact(everyTenant, async (tx) => {
            await sql`insert into places (name) values (${place})`.execute(tx);
            await sql`select 1/0`.execute(tx).catch(() => {});
          }),
        ).rejects.toThrow();
        const rows = await database.read(everyTenant, (db) => rowsOf(db, sql`select name from places where name = ${place}`));
        expect(rows).toEqual([]);
      });

      it("reject a write in a read", async () => {
        await expect(
          database.read(everyTenant, (db) => rowsOf(db, sql`insert into places (name) values ('written in a read')`)),
        ).rejects.toMatchObject({ code: "25006" });
      });

      it("work after a failed transaction", async () => {
        await expect(database.transact(everyTenant, (tx) => sql`select 1/0`.execute(tx))).rejects.toThrow();
        await expect(database.ping()).resolves.toBeUndefined();
        await expect(bodies(tenantScope(red))).resolves.toEqual(["of red"]);
      });

      it("run concurrently when many begin at once", async () => {
        const names = Array.from({ length: 24 }, () => randomUUID());
        await Promise.all(
          names.map((place) => database.transact(everyTenant, (tx) => sql`insert into places (name) values (${place})`.execute(tx))),
        );
        const rows = await database.read(everyTenant, (db) =>
          rowsOf(db, sql`select count(*)::int as found from places where name in (${sql.join(names)})`),
        );
        expect(rows).toEqual([{ found: names.length }]);
      });

      it("report the unique constraint that a write violated", async () => {
        await database.transact(everyTenant, (tx) => sql`insert into places (name) values ('once')`.execute(tx));
        const error = await database
          .transact(everyTenant, (tx) => sql`insert into places (name) values ('once')`.execute(tx))
          .catch((e) => e);
        expect(violatedUnique(error)).toBe("places_pkey");
        expect(violatedReference(error)).toBeUndefined();
      });

      it("report the foreign key that a write violated", async () => {
        const error = await database
          .transact(everyTenant, (tx) => sql`insert into places (name, part_of) values ('part', 'of nothing')`.execute(tx))
          .catch((e) => e);
        expect(violatedReference(error)).toBe("places_part_of_fkey");
        expect(violatedUnique(error)).toBeUndefined();
      });
    });

    describe("rows of a tenant", () => {
      it("are visible to their own tenant only", async () => {
        expect(await bodies(tenantScope(red))).toEqual(["of red"]);
        expect(await bodies(tenantScope(blue))).toEqual(["of blue"]);
      });

      it("are invisible to the internal scope unless they have no organization", async () => {
        expect(await bodies(internalScope)).toEqual(["internal"]);
      });

      it("are invisible without a tenant in the scope, also to a user", async () => {
        expect(await bodies(noTenant)).toEqual([]);
        expect(await bodies(userScope(ada))).toEqual([]);
      });

      it("are invisible to an organization without rows", async () => {
        expect(await bodies(tenantScope(randomUUID()))).toEqual([]);
      });

      it("are all visible to the scope of every tenant", async () => {
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it.each(["", "%", "null", "NULL", "'", "' or true --", "**", " * ", "Internal", `${red} `, `{${red}}`])(
        "are invisible to the malformed tenant %j",
        async (tenant) => {
          expect(await bodies({ tenant })).toEqual([]);
        },
      );

      it("are visible by an organization's id in upper case", async () => {
        expect(await bodies(tenantScope(red.toUpperCase()))).toEqual(["of red"]);
      });

      it("cannot be updated by another tenant, or without a tenant", async () => {
        const all = sql`update notes set body = 'taken over'`;
        expect(await rolledBack(tenantScope(red), all)).toBe(1n);
        expect(await rolledBack(internalScope, all)).toBe(1n);
        expect(await rolledBack(noTenant, all)).toBe(0n);
        expect(await changed(tenantScope(red), sql`update notes set body = 'taken over' where id = ${ids.blue}`)).toBe(0n);
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it("cannot be deleted by another tenant, or without a tenant", async () => {
        const all = sql`delete from notes`;
        expect(await rolledBack(tenantScope(red), all)).toBe(1n);
        expect(await rolledBack(internalScope, all)).toBe(1n);
        expect(await rolledBack(noTenant, all)).toBe(0n);
        expect(await changed(tenantScope(red), sql`delete from notes where id in (${ids.blue}, ${ids.internal})`)).toBe(0n);
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it("cannot be locked by another tenant", async () => {
        const locked = await database.transact(
          tenantScope(red),
          async (tx) => (await sql`select id from notes for update`.execute(tx)).rows,
        );
        expect(locked).toEqual([{ id: ids.red }]);
      });

      it("cannot be inserted for another tenant, across the internal scope, or without a tenant", async () => {
        const refused = { code: "42501" };
        await expect(addNote(tenantScope(red), blue)).rejects.toMatchObject(refused);
        await expect(addNote(tenantScope(red), null)).rejects.toMatchObject(refused);
        await expect(addNote(internalScope, red)).rejects.toMatchObject(refused);
        await expect(addNote(noTenant, red)).rejects.toMatchObject(refused);
        await expect(addNote(noTenant, null)).rejects.toMatchObject(refused);
        await expect(addNote(userScope(ada), null)).rejects.toMatchObject(refused);
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it("cannot be moved to another tenant", async () => {
        await expect(changed(tenantScope(red), sql`update notes set organization_id = ${blue}`)).rejects.toMatchObject({ code: "42501" });
        await expect(changed(tenantScope(red), sql`update notes set organization_id = null`)).rejects.toMatchObject({ code: "42501" });
        expect(await bodies(tenantScope(red))).toEqual(["of red"]);
      });

      it("can be inserted for the scope's tenant, and for any tenant by the scope of every tenant", async () => {
        expect(await rolledBack(tenantScope(red), sql`insert into notes values (${randomUUID()}, ${red}, 'added')`)).toBe(1n);
        expect(await rolledBack(internalScope, sql`insert into notes values (${randomUUID()}, null, 'added')`)).toBe(1n);
        expect(await rolledBack(everyTenant, sql`insert into notes values (${randomUUID()}, ${blue}, 'added')`)).toBe(1n);
      });
    });

    describe("rows of a tenant that also belong to a person", () => {
      it("are visible to that person in every tenant, and no other person's are", async () => {
        expect(await labels(userScope(ada))).toEqual(["ada in blue", "ada in red", "ada without tenant"]);
        expect(await labels(userScope(bob))).toEqual(["bob in blue", "bob in red"]);
      });

      it("are invisible to a person without rows", async () => {
        expect(await labels(userScope(randomUUID()))).toEqual([]);
        expect(await labels(noTenant)).toEqual([]);
      });

      it("are visible with the tenant's rows in a tenant's scope, except another person's rows of another tenant", async () => {
        expect(await labels(tenantScope(red, ada))).toEqual(["ada in blue", "ada in red", "ada without tenant", "bob in red"]);
        expect(await labels(tenantScope(red))).toEqual(["ada in red", "bob in red"]);
        expect(await labels(internalScope)).toEqual(["ada without tenant"]);
      });

      it("can be changed by that person in a call without a tenant", async () => {
        expect(await rolledBack(userScope(ada), sql`update seats set label = 'changed'`)).toBe(3n);
        expect(await rolledBack(userScope(ada), sql`delete from seats`)).toBe(3n);
        expect(await rolledBack(userScope(ada), sql`insert into seats values (${randomUUID()}, null, ${ada}, 'mine')`)).toBe(1n);
      });

      it("cannot be inserted for another person", async () => {
        const refused = { code: "42501" };
        await expect(
          rolledBack(userScope(ada), sql`insert into seats values (${randomUUID()}, null, ${bob}, 'not mine')`),
        ).rejects.toMatchObject(refused);
        await expect(rolledBack(userScope(ada), sql`update seats set user_id = ${bob}`)).rejects.toMatchObject(refused);
        expect(await rolledBack(userScope(ada), sql`update seats set label = 'changed' where user_id = ${bob}`)).toBe(0n);
      });

      it("are read-only to their owner in a call that acts in another tenant", async () => {
        const refused = { code: "42501" };
        await expect(
          rolledBack(tenantScope(red, ada), sql`insert into seats values (${randomUUID()}, ${blue}, ${ada}, 'a seat in blue')`),
        ).rejects.toMatchObject(refused);
        await expect(
          rolledBack(tenantScope(red, ada), sql`update seats set organization_id = ${blue} where id = ${seatIds.adaInRed}`),
        ).rejects.toMatchObject(refused);
        expect(await rolledBack(tenantScope(red, ada), sql`update seats set label = 'changed' where id = ${seatIds.adaInBlue}`)).toBe(0n);
        expect(await rolledBack(tenantScope(red, ada), sql`delete from seats where id = ${seatIds.adaInBlue}`)).toBe(0n);
      });

      it("can be changed in a tenant's scope if they are the tenant's, or the caller's own without an organization", async () => {
        expect(await rolledBack(tenantScope(red, ada), sql`update seats set label = 'changed'`)).toBe(3n);
        expect(await rolledBack(tenantScope(red, bob), sql`update seats set label = 'changed'`)).toBe(2n);
      });
    });

    describe("the scope", () => {
      const settingsOutside = () =>
        database.owner.connection().execute(async (db) =>
          (
            await sql<{ tenant: string | null; person: string | null; stepped: boolean }>`
                select current_setting('app.tenant', true) as tenant, current_setting('app.user', true) as person, current_user <> session_user as stepped`.execute(
              db,
            )
          ).rows.map(({ tenant, person, stepped }) => ({ tenant: tenant ?? "", person: person ?? "", stepped })),
        );

      it("ends with its transaction and does not leak into the next one", async () => {
        for (let round = 0; round < 12; round += 1) {
          expect(await bodies(everyTenant)).toHaveLength(3);
          expect(await bodies(noTenant)).toEqual([]);
          expect(await labels(userScope(ada))).toHaveLength(3);
          expect(await labels(tenantScope(blue))).toEqual(["ada in blue", "bob in blue"]);
        }
        expect(await settingsOutside()).toEqual([{ tenant: "", person: "", stepped: false }]);
      });

      it("ends with a failed transaction too", async () => {
        await expect(database.transact(everyTenant, (tx) => sql`select 1/0`.execute(tx))).rejects.toThrow();
        await expect(database.read({ tenant: "*", user: ada }, (db) => rowsOf(db, sql`select 1/0`))).rejects.toThrow();
        expect(await settingsOutside()).toEqual([{ tenant: "", person: "", stepped: false }]);
        expect(await bodies(noTenant)).toEqual([]);
        expect(await labels(noTenant)).toEqual([]);
      });

      it("applies to each of many concurrent transactions", async () => {
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            bodies([tenantScope(red), tenantScope(blue), noTenant, internalScope][index % 4] as Scope),
          ),
        );
        for (const [index, answer] of answers.entries()) expect(answer).toEqual([["of red"], ["of blue"], [], ["internal"]][index % 4]);
      });

      it("can be bypassed by resetting the role only if the login itself bypasses row-level security", async () => {
        const login = await database.owner.connection().execute(
          async (db) =>
            (
              await sql<{
                bypasses: boolean;
              }>`select rolsuper or rolbypassrls as bypasses from pg_roles where rolname = current_user`.execute(db)
            ).rows[0],
        );
        const seen = await database.transact(tenantScope(red), async (tx) => {
          await sql`reset role`.execute(tx);
          return (await sql<{ body: string }>`select body from notes order by body`.execute(tx)).rows.map((row) => row.body);
        });
        // The application never resets its role, but an SQL injection on a superuser's connection could. A plain login prevents that.
        expect(seen).toEqual(login?.bypasses ? ["internal", "of blue", "of red"] : ["of red"]);
        expect(await bodies(tenantScope(red))).toEqual(["of red"]);
      });
    });
  });
}
