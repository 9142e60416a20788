import { operatorOnly } from "#operation/authorization.ts";
import { nullable, Type, Uuid } from "#operation/schema.ts";
import { Checkpoint } from "../model.ts";
import { audit } from "../module.ts";
import { type Said, signedBy, verifySaid } from "../signatures.ts";
import { Finding, finding } from "../verify-records.ts";

/** What a request of the command line to a running server carries with ease; who has more asks again. */
export const keptMax = 200;

/** Holds a chain against signed statements that were taken elsewhere: they must say the same, however good its own head is. */
export const verifyKept = audit.query("verifyKept", {
  summary: "Hold an audit chain against checkpoints that were kept elsewhere.",
  allow: operatorOnly(),
  everyTenant: "the operator verifies every chain",
  input: Type.Object({ organizationId: nullable(Uuid), kept: Type.Array(Checkpoint, { maxItems: keptMax }) }),
  output: Type.Object({ findings: Type.Array(Finding) }),
  async run({ store }, { organizationId, kept }) {
    // In this order: what retention removes in between is then below the beginning, and no fault.
    const found = await store.hashesAt(
      organizationId,
      kept.map(({ number }) => number),
    );
    const truncation = await store.truncation(organizationId);
    const head = await store.chain(organizationId);
    if (!head) return { findings: [finding("other_history", 0, "there is a checkpoint of this chain elsewhere, and no chain here")] };
    const isSigned = signedBy(await store.signingKeys());
    const hashes = truncation ? new Map([...found, [truncation.number, truncation.hash]]) : found;
    const known = { hashes, begins: truncation?.number ?? 0, end: head.number };
    return { findings: kept.flatMap((one) => verifySaid(saidOf(one), known, isSigned)) };
  },
});

const saidOf = ({ keyId, signature, signedAt, organizationId, number, hash, kind, publicKey }: Checkpoint): Said => ({
  row: { organization_id: organizationId, number, hash, key_id: keyId, signature, signed_at: new Date(signedAt) },
  kind,
  name: "a checkpoint that was kept elsewhere",
  publicKey,
});
