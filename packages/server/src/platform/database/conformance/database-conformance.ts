import { randomUUID } from "node:crypto";
import type { Fresh } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Database, everyTenant, internalScope, type Scope, tenantScope, userScope } from "../database.ts";
import { isUnavailable, violatedReference, violatedUnique } from "../driver-errors.ts";
import { allOf, anyOf, insertMany } from "../many-rows.ts";
import { type SchemaStep, sharedTable, tenantTable } from "../migrations.ts";

/** Tables as modules have them: of a tenant, of a tenant and a person, of nobody. */
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
const nobody = { tenant: "none" };

/** What every database adapter promises. */
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
          (${seatIds.adaNowhere}, null, ${ada}, 'ada nowhere')`.execute(tx);
      });
    }, 60_000);
    afterAll(() => fresh?.close());

    const bodies = (scope: Scope): Promise<string[]> =>
      database.read(scope, async (db) =>
        (await sql<{ body: string }>`select body from notes order by body`.execute(db as never)).rows.map((row) => row.body),
      );
    const labels = (scope: Scope): Promise<string[]> =>
      database.read(scope, async (db) =>
        (await sql<{ label: string }>`select label from seats order by label`.execute(db as never)).rows.map((row) => row.label),
      );
    const changed = (scope: Scope, statement: ReturnType<typeof sql>): Promise<bigint> =>
      database.transact(scope, async (tx) => (await statement.execute(tx)).numAffectedRows ?? 0n);
    const addNote = (scope: Scope, organizationId: string | null) =>
      changed(scope, sql`insert into notes values (${randomUUID()}, ${organizationId}, 'added')`);
    const undone = async (scope: Scope, statement: ReturnType<typeof sql>): Promise<bigint> => {
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
      it("inserts and finds more rows in one call than a statement has parameters for, in their order", async () => {
        const places = Array.from({ length: 33_000 }, (_, index) => ({ name: `many ${index}`, part_of: null }));
        const names = Array.from({ length: 66_000 }, (_, index) => `many ${index}`);
        const undone = new Error("the other tests have few places");
        const seen: unknown[] = [];
        const work = database.transact(everyTenant, async (tx) => {
          const inserted = await insertMany(tx, "places", { name: "text", part_of: "text" }, places, sql<{ name: string }>`returning name`);
          const { rows } = await sql`select count(*) filter (where name = ${anyOf(names, "text")})::int as those,
          count(*) filter (where name like 'many%' and name <> ${allOf(names.slice(1), "text")})::int as others from places`.execute(tx);
          seen.push(
            inserted.map(({ name }) => name),
            ...rows,
          );
          throw undone;
        });
        await expect(work).rejects.toBe(undone);
        expect(seen).toEqual([places.map(({ name }) => name), { those: places.length, others: 1 }]);
      });

      it("calls a statement with more parameters than the protocol counts a mistake of the program, not an outage", async () => {
        const names = Array.from({ length: 66_000 }, (_, index) => `name ${index}`);
        const failed = await database
          .read(everyTenant, (db) => db.selectFrom("places").selectAll().where("name", "in", names).execute())
          .catch((error: unknown) => error);
        expect(failed).toBeInstanceOf(Error);
        expect(isUnavailable(failed)).toBe(false);
        await expect(database.ping()).resolves.toBeUndefined();
      });

      it("keeps what a transaction wrote once it has resolved, and hands out what the work returned", async () => {
        const place = randomUUID();
        const answer = await database.transact(everyTenant, async (tx) => {
          await sql`insert into places (name) values (${place})`.execute(tx);
          return "done";
        });
        expect(answer).toBe("done");
        const { rows } = await database.read(everyTenant, (db) => sql`select name from places where name = ${place}`.execute(db as never));
        expect(rows).toEqual([{ name: place }]);
      });

      it("keeps nothing of a transaction that rejected, and rejects with the work's own error", async () => {
        const place = randomUUID();
        const failure = new Error("the work's own");
        await expect(
          database.transact(everyTenant, async (tx) => {
            await sql`insert into places (name) values (${place})`.execute(tx);
            throw failure;
          }),
        ).rejects.toBe(failure);
        const { rows } = await database.read(everyTenant, (db) => sql`select name from places where name = ${place}`.execute(db as never));
        expect(rows).toEqual([]);
      });

      it("keeps nothing when a statement failed and the work went on as if it had not", async () => {
        const place = randomUUID();
        await expect(
          database.transact(everyTenant, async (tx) => {
            await sql`insert into places (name) values (${place})`.execute(tx);
            await sql`select 1/0`.execute(tx).catch(() => {});
          }),
        ).rejects.toThrow();
        const { rows } = await database.read(everyTenant, (db) => sql`select name from places where name = ${place}`.execute(db as never));
        expect(rows).toEqual([]);
      });

      it("refuses to write in a read", async () => {
        await expect(
          database.read(everyTenant, (db) => sql`insert into places (name) values ('written in a read')`.execute(db as never)),
        ).rejects.toMatchObject({ code: "25006" });
      });

      it("answers after a transaction that failed", async () => {
        await expect(database.transact(everyTenant, (tx) => sql`select 1/0`.execute(tx))).rejects.toThrow();
        await expect(database.ping()).resolves.toBeUndefined();
        await expect(bodies(tenantScope(red))).resolves.toEqual(["of red"]);
      });

      it("runs many transactions that are begun at once", async () => {
        const names = Array.from({ length: 24 }, () => randomUUID());
        await Promise.all(
          names.map((place) => database.transact(everyTenant, (tx) => sql`insert into places (name) values (${place})`.execute(tx))),
        );
        const { rows } = await database.read(everyTenant, (db) =>
          sql`select count(*)::int as found from places where name in (${sql.join(names)})`.execute(db as never),
        );
        expect(rows).toEqual([{ found: names.length }]);
      });

      it("names the unique constraint that a write ran into", async () => {
        await database.transact(everyTenant, (tx) => sql`insert into places (name) values ('once')`.execute(tx));
        const error = await database
          .transact(everyTenant, (tx) => sql`insert into places (name) values ('once')`.execute(tx))
          .catch((e) => e);
        expect(violatedUnique(error)).toBe("places_pkey");
        expect(violatedReference(error)).toBeUndefined();
      });

      it("names the foreign key that a write ran into", async () => {
        const error = await database
          .transact(everyTenant, (tx) => sql`insert into places (name, part_of) values ('part', 'of nothing')`.execute(tx))
          .catch((e) => e);
        expect(violatedReference(error)).toBe("places_part_of_fkey");
        expect(violatedUnique(error)).toBeUndefined();
      });
    });

    describe("rows of a tenant", () => {
      it("shows a tenant its own rows only", async () => {
        expect(await bodies(tenantScope(red))).toEqual(["of red"]);
        expect(await bodies(tenantScope(blue))).toEqual(["of blue"]);
      });

      it("shows the internal scope the rows of no organization only", async () => {
        expect(await bodies(internalScope)).toEqual(["internal"]);
      });

      it("shows nothing to the scope of nobody, nor to a user without a tenant", async () => {
        expect(await bodies(nobody)).toEqual([]);
        expect(await bodies(userScope(ada))).toEqual([]);
      });

      it("shows nothing for an organization that has no rows", async () => {
        expect(await bodies(tenantScope(randomUUID()))).toEqual([]);
      });

      it("shows every tenant's rows to the scope that asks for them", async () => {
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it.each(["", "%", "null", "NULL", "'", "' or true --", "**", " * ", "Internal", `${red} `, `{${red}}`])(
        "shows nothing to the malformed tenant %j",
        async (tenant) => {
          expect(await bodies({ tenant })).toEqual([]);
        },
      );

      it("takes an organization's id in capitals for the same", async () => {
        expect(await bodies(tenantScope(red.toUpperCase()))).toEqual(["of red"]);
      });

      it("does not change another tenant's rows, nor those of no organization, nor any for nobody", async () => {
        const all = sql`update notes set body = 'taken over'`;
        expect(await undone(tenantScope(red), all)).toBe(1n);
        expect(await undone(internalScope, all)).toBe(1n);
        expect(await undone(nobody, all)).toBe(0n);
        expect(await changed(tenantScope(red), sql`update notes set body = 'taken over' where id = ${ids.blue}`)).toBe(0n);
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it("does not delete another tenant's rows, nor those of no organization, nor any for nobody", async () => {
        const all = sql`delete from notes`;
        expect(await undone(tenantScope(red), all)).toBe(1n);
        expect(await undone(internalScope, all)).toBe(1n);
        expect(await undone(nobody, all)).toBe(0n);
        expect(await changed(tenantScope(red), sql`delete from notes where id in (${ids.blue}, ${ids.internal})`)).toBe(0n);
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it("locks no row of another tenant", async () => {
        const locked = await database.transact(
          tenantScope(red),
          async (tx) => (await sql`select id from notes for update`.execute(tx)).rows,
        );
        expect(locked).toEqual([{ id: ids.red }]);
      });

      it("refuses to add a row to another tenant, to no organization from a tenant, to a tenant from the internal scope, and any from nobody", async () => {
        const refused = { code: "42501" };
        await expect(addNote(tenantScope(red), blue)).rejects.toMatchObject(refused);
        await expect(addNote(tenantScope(red), null)).rejects.toMatchObject(refused);
        await expect(addNote(internalScope, red)).rejects.toMatchObject(refused);
        await expect(addNote(nobody, red)).rejects.toMatchObject(refused);
        await expect(addNote(nobody, null)).rejects.toMatchObject(refused);
        await expect(addNote(userScope(ada), null)).rejects.toMatchObject(refused);
        expect(await bodies(everyTenant)).toEqual(["internal", "of blue", "of red"]);
      });

      it("refuses to move a row to another tenant", async () => {
        await expect(changed(tenantScope(red), sql`update notes set organization_id = ${blue}`)).rejects.toMatchObject({ code: "42501" });
        await expect(changed(tenantScope(red), sql`update notes set organization_id = null`)).rejects.toMatchObject({ code: "42501" });
        expect(await bodies(tenantScope(red))).toEqual(["of red"]);
      });

      it("adds a row to the tenant of the scope, and to any from the scope of every tenant", async () => {
        expect(await undone(tenantScope(red), sql`insert into notes values (${randomUUID()}, ${red}, 'added')`)).toBe(1n);
        expect(await undone(internalScope, sql`insert into notes values (${randomUUID()}, null, 'added')`)).toBe(1n);
        expect(await undone(everyTenant, sql`insert into notes values (${randomUUID()}, ${blue}, 'added')`)).toBe(1n);
      });
    });

    describe("rows of a tenant that also belong to a person", () => {
      it("shows a person the own rows of every tenant, and nobody else's", async () => {
        expect(await labels(userScope(ada))).toEqual(["ada in blue", "ada in red", "ada nowhere"]);
        expect(await labels(userScope(bob))).toEqual(["bob in blue", "bob in red"]);
      });

      it("shows nothing to a person who has none", async () => {
        expect(await labels(userScope(randomUUID()))).toEqual([]);
        expect(await labels(nobody)).toEqual([]);
      });

      it("shows in a tenant that tenant's rows and the caller's own, not another person's of another tenant", async () => {
        expect(await labels(tenantScope(red, ada))).toEqual(["ada in blue", "ada in red", "ada nowhere", "bob in red"]);
        expect(await labels(tenantScope(red))).toEqual(["ada in red", "bob in red"]);
        expect(await labels(internalScope)).toEqual(["ada nowhere"]);
      });

      it("lets a person change the own rows where the call acts for that person alone", async () => {
        expect(await undone(userScope(ada), sql`update seats set label = 'changed'`)).toBe(3n);
        expect(await undone(userScope(ada), sql`delete from seats`)).toBe(3n);
        expect(await undone(userScope(ada), sql`insert into seats values (${randomUUID()}, null, ${ada}, 'mine')`)).toBe(1n);
      });

      it("refuses a row that is said to belong to somebody else", async () => {
        const refused = { code: "42501" };
        await expect(
          undone(userScope(ada), sql`insert into seats values (${randomUUID()}, null, ${bob}, 'not mine')`),
        ).rejects.toMatchObject(refused);
        await expect(undone(userScope(ada), sql`update seats set user_id = ${bob}`)).rejects.toMatchObject(refused);
        expect(await undone(userScope(ada), sql`update seats set label = 'changed' where user_id = ${bob}`)).toBe(0n);
      });

      it("does not let ownership carry a call that acts in one tenant into another: own rows there are seen, not changed", async () => {
        const refused = { code: "42501" };
        await expect(
          undone(tenantScope(red, ada), sql`insert into seats values (${randomUUID()}, ${blue}, ${ada}, 'a seat in blue')`),
        ).rejects.toMatchObject(refused);
        await expect(
          undone(tenantScope(red, ada), sql`update seats set organization_id = ${blue} where id = ${seatIds.adaInRed}`),
        ).rejects.toMatchObject(refused);
        expect(await undone(tenantScope(red, ada), sql`update seats set label = 'changed' where id = ${seatIds.adaInBlue}`)).toBe(0n);
        expect(await undone(tenantScope(red, ada), sql`delete from seats where id = ${seatIds.adaInBlue}`)).toBe(0n);
      });

      it("lets a call that acts in a tenant change that tenant's rows and the caller's own of no organization", async () => {
        expect(await undone(tenantScope(red, ada), sql`update seats set label = 'changed'`)).toBe(3n);
        expect(await undone(tenantScope(red, bob), sql`update seats set label = 'changed'`)).toBe(2n);
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

      it("ends with its transaction and does not leak to the next one", async () => {
        for (let round = 0; round < 12; round += 1) {
          expect(await bodies(everyTenant)).toHaveLength(3);
          expect(await bodies(nobody)).toEqual([]);
          expect(await labels(userScope(ada))).toHaveLength(3);
          expect(await labels(tenantScope(blue))).toEqual(["ada in blue", "bob in blue"]);
        }
        expect(await settingsOutside()).toEqual([{ tenant: "", person: "", stepped: false }]);
      });

      it("ends with a transaction that failed, too", async () => {
        await expect(database.transact(everyTenant, (tx) => sql`select 1/0`.execute(tx))).rejects.toThrow();
        await expect(database.read({ tenant: "*", user: ada }, (db) => sql`select 1/0`.execute(db as never))).rejects.toThrow();
        expect(await settingsOutside()).toEqual([{ tenant: "", person: "", stepped: false }]);
        expect(await bodies(nobody)).toEqual([]);
        expect(await labels(nobody)).toEqual([]);
      });

      it("holds for each of many transactions that are begun at once", async () => {
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            bodies([tenantScope(red), tenantScope(blue), nobody, internalScope][index % 4] as Scope),
          ),
        );
        for (const [index, answer] of answers.entries()) expect(answer).toEqual([["of red"], ["of blue"], [], ["internal"]][index % 4]);
      });

      it("is gone after the role is reset inside the transaction only where the login itself could bypass it", async () => {
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
        // The application never resets its role; a statement smuggled into a superuser's connection could. A plain login closes that.
        expect(seen).toEqual(login?.bypasses ? ["internal", "of blue", "of red"] : ["of red"]);
        expect(await bodies(tenantScope(red))).toEqual(["of red"]);
      });
    });
  });
}
