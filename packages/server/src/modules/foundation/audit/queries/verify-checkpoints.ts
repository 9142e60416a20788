import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Type, Uuid } from "#operation/declaration/schema.ts";
import { Checkpoint } from "../model.ts";
import { audit } from "../module.ts";
import { type NamedStatement, signedBy, verifyStatement } from "../signatures.ts";
import { Finding, finding } from "../verify-records.ts";

/** Limits one call. The command line splits more checkpoints over several calls. */
export const checkpointsMax = 200;

/** Compares a chain with signed checkpoints that are stored elsewhere. A valid head does not prove that they agree. */
export const verifyCheckpoints = audit.query("verifyCheckpoints", {
  summary: "Compare an audit chain with checkpoints that are stored elsewhere.",
  allow: operatorOnly(),
  everyTenant: "the operator verifies every chain",
  input: Type.Object({ organizationId: nullable(Uuid), checkpoints: Type.Array(Checkpoint, { maxItems: checkpointsMax }) }),
  output: Type.Object({ findings: Type.Array(Finding) }),
  async run({ store }, { organizationId, checkpoints }) {
    // In this order: a record that retention removes meanwhile is below the beginning, and no finding.
    const found = await store.hashesAt(
      organizationId,
      checkpoints.map(({ number }) => number),
    );
    const truncation = await store.truncation(organizationId);
    const head = await store.chain(organizationId);
    if (!head) return { findings: [finding("other_history", 0, "the chain does not exist, but a checkpoint of it is stored elsewhere")] };
    const isSigned = signedBy(await store.signingKeys());
    const hashes = truncation ? new Map([...found, [truncation.number, truncation.hash]]) : found;
    const known = { hashes, begins: truncation?.number ?? 0, end: head.number };
    return { findings: checkpoints.flatMap((one) => verifyStatement(statementOf(one), known, isSigned)) };
  },
});

const statementOf = ({ keyId, signature, signedAt, organizationId, number, hash, kind, publicKey }: Checkpoint): NamedStatement => ({
  row: { organization_id: organizationId, number, hash, key_id: keyId, signature, signed_at: new Date(signedAt) },
  kind,
  name: "a checkpoint that was stored elsewhere",
  publicKey,
});
