import { randomUUID } from "node:crypto";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { newPerson } from "@gatehouse/testing/people.ts";
import { asOperator } from "@gatehouse/testing/server.ts";
import { serverOfSuite } from "@gatehouse/testing/suite.ts";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { everyTenant, type WriteHandle } from "#platform/database/database.ts";
import { deadLetterRecords } from "#platform/dead-letters.ts";
import { manifests } from "#runtime/modules.ts";
import { brokerConsumers } from "./dead-letter-ports.ts";
import { ConsumerNotFound } from "./errors.ts";

const server = serverOfSuite();

const consumer = "iam.billing";
const list = async () => (await asOperator(server, "operations.listDeadLetters", { consumer })).items;
/** Publishes a message that always becomes a dead letter. */
const unreadable = async (): Promise<string> => {
  const event = {
    specversion: "1.0" as const,
    id: randomUUID(),
    source: "https://billing.example",
    type: "subscription.suspended",
    data: {},
  };
  await server.application.platform.broker.publish([{ exchange: "bum.events", event }]);
  await eventually(async () => (await list()).map(({ id }: { id: string }) => id)).toContain(event.id);
  return event.id;
};

describe("the operator's commands for events", () => {
  it("show the consumers of the log, and no relay without a broker", async () => {
    const status = await asOperator(server, "operations.getStatus", {});
    expect(status).toMatchObject({ broker: "in-process", relay: null });
    expect(status.consumers.map(({ name }: { name: string }) => name)).toContain("sessions.end-with-user");
    expect(status.consumers.every(({ deadLetters }: { deadLetters: number }) => deadLetters === 0)).toBe(true);
  });

  it("list, redrive and delete dead letters of the broker, and fail for an unknown id", async () => {
    const [first, second] = [await unreadable(), await unreadable()];
    expect(await asOperator(server, "operations.redriveDeadLetters", { consumer, id: first })).toEqual({ redriven: 1 });
    // The redriven message fails again and becomes a dead letter again.
    await eventually(async () => (await list()).map(({ id }: { id: string }) => id).toSorted()).toEqual([first, second].toSorted());
    for (const id of [first, second]) await asOperator(server, "operations.dropDeadLetter", { consumer, id });
    expect(await list()).toEqual([]);
    for (const operation of ["operations.dropDeadLetter", "operations.redriveDeadLetters"])
      await expect(asOperator(server, operation, { consumer, id: first })).rejects.toThrow("no such dead letter");
    expect(await asOperator(server, "operations.redriveDeadLetters", { consumer })).toEqual({ redriven: 0 });
  });

  it("accept the names of the log's consumers", async () => {
    expect(await asOperator(server, "operations.listDeadLetters", { consumer: "sessions.end-with-user" })).toEqual({
      items: [],
      next: null,
    });
  });

  it("accept the names of record and job queues", async () => {
    for (const queue of ["audit.append-entries", "audit.forward-records", "decisions.projection-entries", "jobs/notifications.send-mail"]) {
      expect(await asOperator(server, "operations.listDeadLetters", { consumer: queue })).toEqual({ items: [], next: null });
      for (const operation of ["operations.redriveDeadLetters", "operations.dropDeadLetter"])
        await expect(asOperator(server, operation, { consumer: queue, id: "no such id" })).rejects.toThrow("no such dead letter");
    }
    const { database } = server.application.platform;
    const failed = { id: "1", topic: "a test", body: "{}", error: new Error("no") };
    await database.transact(everyTenant, (tx) => deadLetterRecords(tx, "audit.append-entries", [failed]));
    expect((await asOperator(server, "operations.getStatus", {})).queues).toEqual([{ name: "audit.append-entries", deadLetters: 1 }]);
    await asOperator(server, "operations.dropDeadLetter", { consumer: "audit.append-entries", id: "1" });
    expect((await asOperator(server, "operations.getStatus", {})).queues).toEqual([]);
  });

  it("refuse an unknown consumer and list the known ones", async () => {
    for (const operation of ["operations.listDeadLetters", "operations.redriveDeadLetters", "operations.dropDeadLetter"]) {
      const refused = asOperator(server, operation, {
        consumer: "iam.biling",
        ...(operation.endsWith("dropDeadLetter") ? { id: "1" } : {}),
      });
      await expect(refused).rejects.toMatchObject({
        definition: ConsumerNotFound,
        details: [{ field: "consumer", message: expect.stringMatching(/^one of iam\.billing, .*sessions\.end-with-user/) }],
      });
    }
  });

  it("cover every consumer of the broker", () => {
    const { platform, dispatch } = server.application;
    const consuming = manifests.flatMap((manifest) => manifest.brokerConsumers?.(platform, internalDispatch(dispatch)) ?? []);
    expect(consuming.map(({ name, exchange }) => ({ name, exchange }))).toEqual(brokerConsumers);
  });

  it("show the oldest event of the log after expired events are deleted", async () => {
    await newPerson(server);
    await server.application.settled();
    const { database, jobs } = server.application.platform;
    const write = <T>(work: (tx: WriteHandle) => Promise<T>): Promise<T> => database.transact(everyTenant, work);
    const all = () => write(async (tx) => Number((await sql<{ count: string }>`select count(*) from events`.execute(tx)).rows[0]?.count));
    await write((tx) =>
      sql`update events set occurred_at = occurred_at - interval '91 days' where type = 'user.registered.v1'`.execute(tx),
    );
    // A consumer without events advances its position every ten minutes.
    await write((tx) => sql`update consumers set moved_at = moved_at - interval '1 hour'`.execute(tx));
    await eventually(() =>
      write(async (tx) => (await sql`select from consumers where moved_at < now() - interval '10 minutes'`.execute(tx)).rows.length),
    ).toBe(0);
    const before = await all();
    expect((await asOperator(server, "operations.getStatus", {})).log).toMatchObject({ removed: 0, removedAt: null });
    await write((tx) => jobs.enqueue(tx, { name: "log.remove-old-events" }, {}));
    await eventually(async () => (await asOperator(server, "operations.getStatus", {})).log.removed).toBeGreaterThan(0);
    const { log } = await asOperator(server, "operations.getStatus", {});
    expect(Date.now() - new Date(log.oldestAt).getTime()).toBeLessThan(86_400_000);
    expect(before - (await all())).toBe(log.removed);
  });

  it("are complemented by public event schemas", async () => {
    const answer = await server.call("GET /schemas/events/user.registered.v1");
    expect(answer.status).toBe(200);
    expect(JSON.parse(String(answer.body))).toMatchObject({ $id: "/schemas/events/user.registered.v1" });
    expect(answer.headers["cache-control"]).toContain("public");
    expect((await server.call("GET /schemas/events/never.happened.v1")).status).toBe(404);
  });
});
