import { newPerson } from "@gatehouse/testing/people.ts";
import { openTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import { afterEach, describe, expect, it } from "vitest";
import { chainAppender } from "#modules/foundation/audit/chain-appender.ts";
import { AuditLogRequested } from "#modules/foundation/audit/events.ts";
import { Signers } from "#modules/foundation/audit/signers.ts";
import { everyTenant } from "#platform/database/database.ts";
import type { NewEvent } from "#platform/log/event.ts";
import { appendedSubject, Publisher } from "#platform/log/publish.ts";
import type { Platform } from "#platform/platform.ts";

const typesInLog = (server: TestServer): Promise<readonly string[]> =>
  server.application.platform.database.read(everyTenant, async (db) => {
    const { rows } = await sql<{ type: string }>`select type from events order by sequence`.execute(db as never);
    return rows.map(({ type }) => type);
  });

const appendedOf = async ({ metrics }: Platform, type: string): Promise<number> =>
  (await metrics.eventsAppended.get()).values.find(({ labels }) => labels.type === type)?.value ?? 0;

describe("events that no command emits", () => {
  const servers: TestServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });

  it("are counted like those of commands: the projector's and the chain appender's", async () => {
    // Its counters begin with the log.
    const server = await openTestServer({ GATEHOUSE_DATA_DIR: "memory", GATEHOUSE_AUDIT_FORWARD: "on" }, { begins: "migrated" });
    servers.push(server);
    await newPerson(server);
    await server.application.settled();
    const types = Map.groupBy(await typesInLog(server), (type) => type);
    for (const type of ["user.registered.v1", "decisions.projection_changed.v1", AuditLogRequested.type]) {
      expect(types.get(type)?.length, type).toBeGreaterThan(0);
      expect(await appendedOf(server.application.platform, type), type).toBe(types.get(type)?.length);
    }
  });

  it("are published in their former versions, too, and notify consumers and other processes", async () => {
    const server = await openTestServer(
      { GATEHOUSE_DATA_DIR: "memory", GATEHOUSE_AUDIT_FORWARD: "on" },
      { begins: "migrated", worker: false },
    );
    servers.push(server);
    const { platform } = server.application;
    const former = (event: NewEvent): readonly NewEvent[] =>
      event.type === AuditLogRequested.type
        ? [{ ...event, id: uuid(), type: "audit-log.requested.v0", data: { record: event.data["recordId"] } }]
        : [];
    const woken: unknown[] = [];
    const notified: string[] = [];
    const publisher = new Publisher({
      ...platform,
      consumers: { wake: (types) => void woken.push(types) },
      rpc: { notify: (subject) => void notified.push(subject) },
      formerVersions: former,
    });
    const announced: string[] = [];
    platform.log.onEvent(({ type }) => announced.push(type));
    await platform.database.transact(everyTenant, (tx) =>
      sql`insert into audit_entries (id, operation, caller_kind, input, trace_id, occurred_at)
        values (${uuid()}, 'test.entry', 'system', '{}', 'trace', now())`.execute(tx),
    );
    await chainAppender({ ...platform, publisher }, new Signers(platform.keys), server.application.kernel.catalogue.byName).step();
    const forwarded = (await typesInLog(server)).filter((type) => type.startsWith("audit-log.requested"));
    expect(forwarded.length).toBeGreaterThanOrEqual(2);
    expect(forwarded.filter((type) => type === "audit-log.requested.v0")).toHaveLength(forwarded.length / 2);
    expect(announced.filter((type) => type.startsWith("audit-log.requested"))).toEqual(forwarded);
    expect(woken).toEqual([[AuditLogRequested.type, "audit-log.requested.v0"]]);
    expect(notified).toEqual([appendedSubject]);
    for (const type of [AuditLogRequested.type, "audit-log.requested.v0"])
      expect(await appendedOf(platform, type)).toBe(forwarded.length / 2);
  });
});
