import { describeOnPostgresql, holdTransaction, spendTransactions } from "@gatehouse/testing/databases.ts";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { wireTo } from "@gatehouse/testing/proxy.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { everyTenant } from "../../database/database.ts";
import { openPostgresql } from "../../database/postgresql.ts";
import { rowsOf } from "../../database/rows.ts";
import { consumersFixture, onPostgresql, shortRetry } from "../conformance/consumers-fixture.ts";
import { appendIn, appendTo, idsOf } from "../conformance/events.ts";
import { Consumers } from "./consumers.ts";

// Locks between processes, open transactions and network failures need several connections, which embedded storage does not have.
describeOnPostgresql("consumers of the log", () => {
  describe("during long transactions", () => {
    const on = consumersFixture(onPostgresql);

    it("an eager consumer receives an event while another transaction is open, an ordered one only afterwards", async () => {
      const consumers = on.start();
      const eager = on.consumer({ name: on.name("eager"), eager: true });
      const ordered = on.consumer({ name: on.name("ordered") });
      await consumers.consume(eager);
      await consumers.consume(ordered);
      const slow = await holdTransaction(on.database);
      const early = on.event({ subject: "thing/slow" });
      await slow.run((tx) => appendIn(tx, early));
      const quick = on.event({ subject: "thing/quick" });
      await on.append(quick);
      consumers.wake();
      await eventually(() => idsOf(eager.handled)).toEqual([quick.id]);
      expect(ordered.handled).toEqual([]);

      await slow.commit();
      consumers.wake();
      await eventually(() => idsOf(ordered.handled)).toEqual([early.id, quick.id]);
      await eventually(() => idsOf(eager.handled)).toEqual([quick.id, early.id]);
    });

    it("an ordered consumer is not idle while an older transaction holds back committed events", async () => {
      const consumers = on.start();
      const consumer = on.consumer();
      const subscription = await consumers.consume(consumer);
      const slow = await holdTransaction(on.database);
      await slow.run((tx) => appendIn(tx, on.event({ type: on.type("other") })));
      const quick = on.event();
      await on.append(quick);
      let idle = false;
      const waiting = subscription.idle().then(() => {
        idle = true;
      });
      // The eager consumer finishes meanwhile, which shows that the log has been read.
      const eager = on.consumer({ name: on.name("eager"), eager: true });
      await (await consumers.consume(eager)).idle();
      expect(idsOf(eager.handled)).toEqual([quick.id]);
      expect(idle).toBe(false);
      await slow.commit();
      await waiting;
      expect(idsOf(consumer.handled)).toEqual([quick.id]);
    });

    it("an eager consumer receives every event exactly once while transactions of all lengths overlap", async () => {
      const consumers = on.start();
      const consumer = on.consumer({ eager: true });
      const subscription = await consumers.consume(consumer);
      const expected: string[] = [];
      const open: Awaited<ReturnType<typeof holdTransaction>>[] = [];
      for (let round = 0; round < 24; round += 1) {
        const held = await holdTransaction(on.database);
        const event = on.event({ subject: `thing/${round}` });
        expected.push(event.id);
        await held.run((tx) => appendIn(tx, event));
        open.push(held);
        if (open.length > 2) await open.splice(round % 2, 1)[0]?.commit();
        consumers.wake();
      }
      for (const held of open) await held.commit();
      await subscription.idle();
      expect(idsOf(consumer.handled).toSorted()).toEqual(expected.toSorted());
      expect((await on.effects()).toSorted()).toEqual(expected.toSorted());
    });

    it("a consumer is idle only once the process that has locked its position has finished", async () => {
      const [entered, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const event = on.event();
      await on.append(event);
      await on.start().consume({
        ...on.consumer(),
        handle: async (received, tx) => {
          entered.resolve();
          await goOn.promise;
          await on.writeEffects(on.name(), received, tx);
        },
      });
      await entered.promise;
      const second = on.consumer();
      const subscription = await on.start().consume(second);
      let idle = false;
      const waiting = subscription.idle().then(() => {
        idle = true;
      });
      const other = on.consumer({ name: on.name("other") });
      await (await on.start().consume(other)).idle();
      expect(idle).toBe(false);
      goOn.resolve();
      await waiting;
      expect(await on.effects()).toEqual([event.id]);
      expect(second.handled).toEqual([]);
    });

    it("an event is handled by another process if the first one dies, and takes effect once", async () => {
      const event = on.event();
      await on.append(event);
      const entered = Promise.withResolvers<number>();
      const dead = Promise.withResolvers<void>();
      await on.start().consume({
        ...on.consumer(),
        handle: async (received, tx) => {
          await on.writeEffects(on.name(), received, tx);
          const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
          entered.resolve((rows[0] as { pid: number }).pid);
          await dead.promise;
        },
      });
      const pid = await entered.promise;
      const survivor = on.consumer();
      const subscription = await on.start().consume(survivor);
      // To the database, a killed process is a closed connection.
      await sql`select pg_terminate_backend(${pid})`.execute(on.database.owner);
      await subscription.idle();
      expect(idsOf(survivor.handled)).toEqual([event.id]);
      expect(await on.effects()).toEqual([event.id]);
      dead.resolve();
    });

    it("several processes under load handle every event once, each subject in order", async () => {
      const processes = [on.start(), on.start(), on.start()];
      const each = processes.map(() => on.consumer({ batch: 4 }));
      const subscriptions = await Promise.all(processes.map((consumers, index) => consumers.consume(each[index] as (typeof each)[0])));
      const subjects = ["thing/0", "thing/1", "thing/2", "thing/3"];
      await Promise.all(
        subjects.map(async (subject) => {
          for (let index = 0; index < 25; index += 1) {
            await on.append(on.event({ subject, data: { index } }));
            for (const consumers of processes) consumers.wake();
          }
        }),
      );
      await Promise.all(subscriptions.map((subscription) => subscription.idle()));
      const rows = await on.database.read(everyTenant, (db) =>
        rowsOf(
          db,
          sql<{ subject: string; index: number }>`select e.subject, (e.data->>'index')::int as index
            from effects f join events e on e.id = f.event_id
            where f.consumer = ${on.name()} order by f.number`,
        ),
      );
      expect(rows).toHaveLength(100);
      for (const subject of subjects) {
        expect(rows.filter((row) => row.subject === subject).map((row) => row.index)).toEqual(
          Array.from({ length: 25 }, (_, index) => index),
        );
      }
    });
  });

  describe("with a long log", () => {
    const on = consumersFixture(onPostgresql);

    it("a consumer's position moves past events of other types, and it receives later events", async () => {
      const consumers = on.start();
      const [ordered, eager] = [on.consumer({ name: on.name("ordered") }), on.consumer({ name: on.name("eager"), eager: true })];
      // The distance is counted in transactions, so each of these is one.
      await spendTransactions(on.url, 1_500);
      const subscriptions = [await consumers.consume(ordered), await consumers.consume(eager)];
      const distances = async () =>
        (
          await sql<{
            behind: string;
          }>`select (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - transaction::text::bigint)::text as behind
            from consumers where name in (${ordered.name}, ${eager.name})`.execute(on.database.owner)
        ).rows.map((row) => Number(row.behind));
      await eventually(async () => Math.max(...(await distances()))).toBeLessThanOrEqual(1_000);
      const event = on.event();
      await on.append(event);
      for (const subscription of subscriptions) await subscription.idle();
      expect(idsOf(ordered.handled)).toEqual([event.id]);
      expect(idsOf(eager.handled)).toEqual([event.id]);
    });

    it("an idle consumer's position moves past events of other types, and it receives later events once", async () => {
      const consumers = on.start();
      const [ordered, eager] = [on.consumer({ name: on.name("ordered") }), on.consumer({ name: on.name("eager"), eager: true })];
      const subscriptions = [await consumers.consume(ordered), await consumers.consume(eager)];
      const first = on.event();
      await on.append(first);
      for (const subscription of subscriptions) await subscription.idle();
      const foreign = on.event({ type: on.type("foreign") });
      await on.append(foreign);
      const passed = async () =>
        (
          await sql<{ passed: boolean }>`
            select (c.transaction, c.sequence) > (e.transaction, e.sequence) as passed from consumers c, events e
            where e.id = ${foreign.id} and c.name in (${ordered.name}, ${eager.name})`.execute(on.database.owner)
        ).rows.map((row) => row.passed);
      expect(await passed()).toContain(false);
      await sql`update consumers set moved_at = now() - interval '11 minutes'`.execute(on.database.owner);
      await eventually(passed).toEqual([true, true]);
      const last = on.event();
      await on.append(last);
      for (const subscription of subscriptions) await subscription.idle();
      for (const { handled } of [ordered, eager]) expect(idsOf(handled)).toEqual([first.id, last.id]);
    });

    it("a new eager consumer reads a long log in batches, each event once", async () => {
      const events = Array.from({ length: 650 }, (_, index) => on.event({ subject: `thing/${index}` }));
      await on.append(...events.slice(0, 300));
      await spendTransactions(on.url, 1_500);
      await on.append(...events.slice(300));
      const sizes: number[] = [];
      const consumer = on.consumer({ eager: true });
      const subscription = await on.start().consume({
        ...consumer,
        handle: async (received) => {
          sizes.push(received.length);
          consumer.handled.push(...received);
        },
      });
      await subscription.idle();
      expect(idsOf(consumer.handled)).toEqual(idsOf(events));
      expect(sizes[0]).toBe(200);
    });
  });

  describe("when the database is unavailable", () => {
    const on = consumersFixture(onPostgresql);

    it("no event is lost or dead-lettered, and consumers continue by themselves", async () => {
      const wire = await wireTo(on.url);
      const database = openPostgresql({ url: wire.url, poolSize: 2 });
      const consumers: Consumers = new Consumers(database, silent, { retry: shortRetry });
      try {
        const events = [on.event(), on.event(), on.event()];
        const consumer = on.consumer();
        await on.append(events[0] as (typeof events)[0]);
        const subscription = await consumers.consume(consumer);
        await subscription.idle();
        await wire.cut();
        await appendTo(on.database, events.slice(1));
        consumers.wake();
        await expect(consumers.ping()).rejects.toThrow("database is unavailable");
        // Longer than the attempts at a failing event take.
        let refused = 0;
        await eventually(async () => {
          await consumers.ping().catch(() => {
            refused += 1;
          });
          return refused;
        }).toBeGreaterThan(12);
        await wire.mend();
        await eventually(() => idsOf(consumer.handled)).toEqual(idsOf(events));
        expect(await on.deadLetters()).toEqual([]);
        expect(await on.effects()).toEqual(idsOf(events));
      } finally {
        await consumers.close();
        await database.close();
        await wire.close();
      }
    }, 30_000);
  });
});
