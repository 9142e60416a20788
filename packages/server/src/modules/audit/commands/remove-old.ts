import { v7 as uuid } from "uuid";
import { operatorOnly } from "../../../operation/authorization.ts";
import { Type } from "../../../operation/schema.ts";
import { reportStopped } from "../../../platform/retention/ceiling.ts";
import { audit } from "../module.ts";

const dayMs = 86_400_000;
/** Records that are removed of a chain at once: one transaction must not hold the horizon back for long. */
const removedAtOnceMax = 20_000;
/** An entry that is sealed is kept for so long, to compare with where something is doubted; it has personal data in the clear. */
const sealedEntryMs = dayMs;
/** An export is fetched on the day on which it was asked for. */
const exportMs = dayMs;

/**
 * Removes records that are older than they are kept, behind a signed truncation: the chain still verifies, and says from where.
 * Sealed entries and old exports go as well.
 */
export const removeOld = audit.command("removeOld", {
  summary: "Remove audit records, sealed entries and exports whose time is over.",
  allow: operatorOnly(),
  everyTenant: "the schedule serves every chain",
  input: Type.Object({}),
  output: Type.Object({ chains: Type.Integer(), stopped: Type.Boolean() }),
  async run({ store, state, platform, now }) {
    await store.removeSealedEntries(new Date(now.getTime() - sealedEntryMs));
    await store.removeExports(new Date(now.getTime() - exportMs));
    const { auditDays } = platform.settings;
    if (auditDays === 0) return { chains: 0, stopped: false };
    const old = await store.oldest(new Date(now.getTime() - auditDays * dayMs), removedAtOnceMax);
    const due = old.reduce((sum, { count }) => sum + count, 0);
    if (!(await store.mayRemoveRecords(due))) {
      reportStopped(platform.logger, "audit.records");
      return { chains: 0, stopped: true };
    }
    if (old.length === 0) return { chains: 0, stopped: false };
    const signer = await state.current(store, now);
    for (const { organization_id, number, hash } of old) {
      const signed = signer.sign({ kind: "truncation", organizationId: organization_id, number, hash }, now);
      await store.insertCheckpoint(uuid(), { organization_id, kind: "truncation", number, hash, ...signed });
      await store.removeThrough(organization_id, number);
    }
    return { chains: old.length, stopped: false };
  },
});
