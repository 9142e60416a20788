import { sql } from "kysely";
import { expect, it } from "vitest";
import { everyTenant } from "../platform/database/database.ts";
import { startTestServer } from "../testing/server.ts";
import type { Operation } from "./operation.ts";
import { backgroundOrigin } from "./scheduled.ts";

it("keeps the refusals of a batch in which one cannot be stored", async () => {
  const server = await startTestServer();
  try {
    const { kernel, platform } = server.application;
    const operation = kernel.catalogue.byName.get("identity.getMe") as Operation;
    const traceIds = ["before", "stored nowhere", "after"];
    for (const traceId of traceIds) {
      // PostgreSQL's text holds no NUL.
      const userAgent = traceId === "stored nowhere" ? "curl\u0000" : "curl";
      kernel.noteStranger(operation, { ...backgroundOrigin(), traceId, userAgent }, performance.now());
    }
    await kernel.notes.flush();
    const { rows } = await platform.database.read(everyTenant, (db) =>
      sql<{ id: string }>`select trace_id as id from audit_entries where trace_id = any(${traceIds}::text[]) order by sequence`.execute(
        db as never,
      ),
    );
    expect(rows.map(({ id }) => id)).toEqual(["before", "after"]);
    expect(await platform.metrics.registry.getSingleMetricAsString("gatehouse_audit_notes_lost_total")).toContain('{why="storage"} 1');
  } finally {
    await server.close();
  }
});
