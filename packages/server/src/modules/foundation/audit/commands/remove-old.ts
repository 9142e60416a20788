import { v7 as uuid } from "uuid";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { reportStopped } from "#platform/retention/ceiling.ts";
import { audit } from "../module.ts";

const dayMs = 86_400_000;
/** Records that one transaction removes, of one chain or several: it must not hold back the log's horizon for long. */
const removedAtOnceMax = 20_000;
/** How long an entry stays after it was appended, for comparison. Not longer: it has personal data in plain text. */
const appendedEntryMs = dayMs;
/** An export is available for one day. */
const exportMs = dayMs;

/** An export may have thousands of parts. */
const exportsAtOnce = 10;

/**
 * Removes records past their retention, below a signed truncation: the rest of the chain still verifies. Removes old appended entries and
 * exports as well. A call removes one batch and returns whether there is more.
 */
export const removeOld = audit.command("removeOld", {
  summary: "Remove audit records, entries that are in their chains, and exports, by age.",
  allow: operatorOnly(),
  audit: { action: "AuditLog.OldRemoved", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every chain",
  input: Type.Object({}),
  output: Type.Object({ chains: Type.Integer(), more: Type.Boolean(), stopped: Type.Boolean() }),
  async run({ store, state, services, now }) {
    const entries = await store.removeAppendedEntries(new Date(now.getTime() - appendedEntryMs), prunedAtOnce);
    const exports = await store.removeExports(new Date(now.getTime() - exportMs), exportsAtOnce);
    const more = entries === prunedAtOnce || exports === exportsAtOnce;
    const { auditDays } = services.settings;
    if (auditDays === 0) return { chains: 0, more, stopped: false };
    const old = await store.oldest(new Date(now.getTime() - auditDays * dayMs), removedAtOnceMax);
    const due = old.reduce((sum, { count }) => sum + count, 0);
    if (!(await store.mayRemoveRecords(due))) {
      reportStopped(services.logger, "audit.records");
      return { chains: 0, more, stopped: true };
    }
    if (old.length === 0) return { chains: 0, more, stopped: false };
    const signer = await state.current(store, now);
    let [chains, removed] = [0, 0];
    for (const { organization_id, number, hash } of old) {
      if (removed >= removedAtOnceMax) break;
      const signed = signer.sign({ kind: "truncation", organizationId: organization_id, number, hash }, now);
      await store.insertCheckpoint(uuid(), { organization_id, kind: "truncation", number, hash, ...signed });
      removed += await store.removeThrough(organization_id, number);
      chains += 1;
    }
    return { chains, more: more || removed >= removedAtOnceMax, stopped: false };
  },
});
