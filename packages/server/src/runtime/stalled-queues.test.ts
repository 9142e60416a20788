import { eventually } from "@gatehouse/testing/eventually.ts";
import { newOrganization } from "@gatehouse/testing/people.ts";
import { distributed } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { afterEach, describe, expect, it } from "vitest";
import { everyTenant } from "#platform/database/database.ts";
import { StalledQueues } from "./stalled-queues.ts";

const server = serverOfSuite();

const owner = () => server.application.platform.database.owner;
/** Creates a new instance, because one caches its result for some seconds. */
const stalled = async (backlogs: ConstructorParameters<typeof StalledQueues>[1] = []) =>
  Object.fromEntries(
    [...(await new StalledQueues(server.application.platform.database, backlogs, []).seconds())].filter(([, seconds]) => seconds > 0),
  );

describe("a stalled queue of the worker", () => {
  afterEach(async () => {
    await sql`drop function if exists refuse_progress() cascade`.execute(owner());
  });

  // With distributed roles the process under test has no worker, and so no such component.
  it.skipIf(distributed)(
    "is reported by readiness and metrics while it is stalled, and makes no process unready",
    { timeout: 60_000 },
    async () => {
      await server.application.settled();
      const ready = async () => (await server.http.inject("/health/ready")).json();
      expect((await ready()).components.queues).toEqual({ status: "UP", details: { standing: 0 } });
      // Every write of the chain appender is rolled back, as by an error that dead letters cannot resolve.
      await sql`create function refuse_progress() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`.execute(
        owner(),
      );
      await sql`create trigger refuse_progress before update on audit_progress for each row
        when (new.sequence <> old.sequence) execute function refuse_progress()`.execute(owner());
      await newOrganization(server);
      await sql`alter table audit_entries disable trigger added_to_only`.execute(owner());
      await sql`update audit_entries set occurred_at = occurred_at - interval '5 minutes' from audit_progress p
      where (audit_entries.transaction, audit_entries.sequence) > (p.transaction, p.sequence)`.execute(owner());
      await sql`alter table audit_entries enable trigger added_to_only`.execute(owner());
      await sql`update audit_progress set signed_at = signed_at - interval '5 minutes'`.execute(owner());
      await eventually(async () => (await ready()).components.queues.status).toBe("DOWN");
      const answer = await server.http.inject("/health/ready");
      expect(answer.statusCode).toBe(200);
      expect(answer.json()).toMatchObject({ status: "UP", degraded: ["queues"], components: { queues: { details: { standing: 1 } } } });
      expect(answer.json().components.queues.details["audit.append-entries"]).toMatch(/^3\d\ds$/);
      expect((await server.http.inject("/health/background")).json()).toMatchObject({ status: "UP", degraded: ["queues"] });
      const metrics = await server.application.platform.metrics.registry.metrics();
      expect(metrics).toMatch(/^gatehouse_queue_stalled_seconds\{queue="audit\.append-entries"\} 3\d\d/m);
    },
  );

  it("is a job queue whose oldest job is due for a minute, unless the queue moves", async () => {
    const { database, jobs } = server.application.platform;
    const queue = "decisions.prune-recorded";
    await database.transact(everyTenant, (tx) => jobs.enqueue(tx, { name: queue }, {}));
    const age = (state: string) =>
      sql`update jobs.job set state = ${sql.lit(state)}, start_after = now() - interval '10 minutes', created_on = now() - interval '10 minutes',
        started_on = null, completed_on = null where name = ${queue}`.execute(owner());
    // A job that no worker takes, as in a queue whose workers are gone.
    await eventually(async () => {
      await age("created");
      return Object.keys(await stalled());
    }).toContain(`jobs/${queue}`);
    await age("completed");
    await sql`delete from jobs.job where name = ${queue}`.execute(owner());
    expect(await stalled()).not.toHaveProperty(`jobs/${queue}`);
  });

  it("is not a queue that has waited and moves, or that is empty", async () => {
    const of = (waitingSeconds: number, idleSeconds: number) => [{ read: async () => [{ queue: "q", waitingSeconds, idleSeconds }] }];
    expect(await stalled(of(3_600, 1))).toEqual({});
    expect(await stalled(of(0, 3_600))).toEqual({});
    expect(await stalled(of(59, 3_600))).toEqual({});
    expect(await stalled(of(61, 61))).toEqual({ q: 61 });
  });
});
