import { v7 as uuid } from "uuid";
import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { audit } from "../module.ts";

/** One transaction must not hold back the log's horizon for long; the job calls again while there are more. */
const chainsMax = 1_000;

/** Signs a checkpoint of each chain that has grown since its last one. */
export const signCheckpoints = audit.command("signCheckpoints", {
  summary: "Sign a checkpoint of each audit chain that has grown.",
  allow: operatorOnly(),
  audit: { action: "AuditLog.Signed", category: "System", severity: "Info" },
  everyTenant: "the schedule serves every chain",
  input: Type.Object({}),
  output: Type.Object({ signed: Type.Integer(), more: Type.Boolean() }),
  async run({ store, state, now }) {
    const heads = await store.headsWithoutCheckpoint(chainsMax);
    if (heads.length === 0) return { signed: 0, more: false };
    const signer = await state.current(store, now);
    for (const { organization_id, number, hash } of heads) {
      const signed = signer.sign({ kind: "checkpoint", organizationId: organization_id, number, hash }, now);
      await store.insertCheckpoint(uuid(), { organization_id, kind: "checkpoint", number, hash, ...signed });
    }
    return { signed: heads.length, more: heads.length === chainsMax };
  },
});
