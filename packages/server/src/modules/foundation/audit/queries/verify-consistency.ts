import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { type Keys, MasterKeyAbsent } from "#platform/keys/keys.ts";
import { erasePerson } from "../commands/erase-person.ts";
import { AuditLogRequested } from "../events.ts";
import { audit } from "../module.ts";
import { isTotalValid } from "../signatures.ts";
import { Signer, type SigningKeyRow } from "../signing.ts";
import { type Finding, Finding as FindingSchema, finding, keyAbsent } from "../verify-records.ts";

/** Events that background tasks append outside of a command: they have no entry. */
const withoutEntry: readonly string[] = [AuditLogRequested.type, "decisions.projection_changed.v1"];
/** The operations that resolve a dead-lettered entry without a record of its content. */
const resolvedBy = { drop: "operations.dropDeadLetter", erase: erasePerson.name };
/** Findings of one kind that are reported at most. */
const findingsMax = 100;
const dayMs = 86_400_000;

/**
 * Verifies what a single chain cannot show. The signing keys belong to this installation, no chain is missing, every command in the event
 * log has a record, and every destroyed person key has a recorded erasure.
 */
export const verifyConsistency = audit.query("verifyConsistency", {
  summary: "Verify the audit log across its chains.",
  allow: operatorOnly(),
  everyTenant: "the operator verifies every chain",
  input: Type.Object({}),
  output: Type.Object({ findings: Type.Array(FindingSchema) }),
  async run({ store, services, now }) {
    const { keys, settings } = services;
    const signingKeys = await store.signingKeys();
    const findings = signingKeys.flatMap((key) => issueOfKey(key, keys) ?? []);
    // Read in this order: records that are appended meanwhile can only make the later total larger.
    const total = await store.total();
    const sum = await store.sumOfChains();
    const later = await store.total();
    if (!isTotalValid(total, signingKeys)) findings.push(wrong("the signature of the total of chains and records is invalid"));
    const isShort = total !== undefined && (sum.chains < total.chains || sum.records < total.records);
    const isLong = later !== undefined && (sum.chains > later.chains || sum.records > later.records);
    if (total !== undefined && (isShort || isLong)) {
      const text = `the signed total is ${total.chains} chains with ${total.records} records, but ${sum.chains} with ${sum.records} are stored`;
      findings.push(finding(isShort ? "missing_at_the_end" : "other_history", 0, text));
    }
    for (const id of await store.headless()) {
      findings.push(finding("missing_at_the_end", 0, `the head of the chain of ${id ?? "the internal scope"} is missing`));
    }
    // One day less than the retention: records that are about to be removed must not look deleted.
    const since = new Date(settings.auditDays === 0 ? 0 : now.getTime() - (settings.auditDays - 1) * dayMs);
    for (const { transaction, organization_id } of await store.unrecorded(withoutEntry, since, findingsMax)) {
      const text = `the command of transaction ${transaction}, of ${organization_id ?? "the internal scope"}, is in the event log, but in no chain`;
      findings.push(finding("unrecorded", 0, text));
    }
    for (const id of await store.destroyedWithoutRecord(erasePerson.name, since, findingsMax)) {
      findings.push(finding("erased_without_record", 0, `the key ${id} of a person was destroyed without a record of it`));
    }
    for (const { organization_id, number, entry_id, is_stored } of await store.unresolvedEntries(resolvedBy, findingsMax)) {
      const chain = organization_id ?? "the internal scope";
      const what = is_stored
        ? "could not be appended and waits as a dead letter"
        : "could not be appended, and was changed or deleted since";
      findings.push(finding(is_stored ? "dead_lettered" : "changed", number, `the entry ${entry_id} in the chain of ${chain} ${what}`));
    }
    return { findings };
  },
});

const wrong = (text: string): Finding => finding("wrong_signature", 0, text);

/**
 * Verifies that the private key was encrypted by this installation and belongs to the public key. Decrypts the stored key again, because
 * it may have changed since it was cached. Without its master key it cannot be verified.
 */
function issueOfKey(key: SigningKeyRow, keys: Keys): Finding | undefined {
  const replaced = wrong(`the signing key ${key.id} was not created by this installation, or was replaced`);
  try {
    return new Signer(key, keys).publicKey === key.public_key ? undefined : replaced;
  } catch (error) {
    return error instanceof MasterKeyAbsent ? keyAbsent(`the signing key ${key.id}`, error) : replaced;
  }
}
