import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { ClientDeleted, clientEventData } from "../events.ts";
import { openid } from "../module.ts";

/** An application that still runs registers again (RFC 7591 §5, "invalid_client"). */
const registeredDays = 90;
const batchSize = 500;
const dayMs = 86_400_000;

/** Deletes clients that applications have registered by themselves long ago. */
export const pruneRegisteredClients = openid.command("pruneRegisteredClients", {
  summary: "Delete old clients that applications have registered by themselves.",
  allow: operatorOnly(),
  audit: { action: "Client.RegisteredPruned", category: "System", severity: "Info" },
  everyTenant: "registered clients belong to no organization",
  input: Type.Object({}),
  output: Type.Object({ removed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, emit, now }) {
    const rows = await store.deleteRegisteredClients(new Date(now.getTime() - registeredDays * dayMs), batchSize);
    for (const row of rows) emit(ClientDeleted, clientEventData(row));
    return { removed: rows.length, more: rows.length === batchSize };
  },
});
