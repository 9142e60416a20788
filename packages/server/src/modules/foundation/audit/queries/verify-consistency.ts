import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { type Keys, MasterKeyAbsent } from "#platform/keys/keys.ts";
import { erasePerson } from "../commands/erase-person.ts";
import { AuditLogRequested } from "../events.ts";
import { audit } from "../module.ts";
import { isTotalValid } from "../signatures.ts";
import { Signer, type SigningKeyRow } from "../signing.ts";
import { type Finding, Finding as FindingSchema, finding, keyAbsent } from "../verify-records.ts";

/** Events that background work appends beside any command: they have no entry. */
const withoutEntry: readonly string[] = [AuditLogRequested.type, "decisions.projection_changed.v1"];
/** The operations that end a dead-lettered entry without a record of its content. */
const resolvedBy = { drop: "operations.dropDeadLetter", erase: erasePerson.name };
/** More findings of one kind add nothing. */
const findingsMax = 100;
const dayMs = 86_400_000;

/**
 * Verifies what no chain shows alone: that the signing keys are ours, that no chain is missing, that every command in the event log has its
 * record, and every destroyed key of a person its erasure.
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
    // Read one after the other: what is appended in between makes the later one the larger.
    const total = await store.total();
    const sum = await store.sumOfChains();
    const later = await store.total();
    if (!isTotalValid(total, signingKeys)) findings.push(wrong("the signature of the number of chains and records is not right"));
    const isShort = total !== undefined && (sum.chains < total.chains || sum.records < total.records);
    const isLong = later !== undefined && (sum.chains > later.chains || sum.records > later.records);
    if (total !== undefined && (isShort || isLong)) {
      const text = `${total.chains} chains with ${total.records} records were appended, ${sum.chains} with ${sum.records} are here`;
      findings.push(finding(isShort ? "missing_at_the_end" : "other_history", 0, text));
    }
    for (const id of await store.headless()) {
      findings.push(finding("missing_at_the_end", 0, `the head of the chain of ${id ?? "the internal scope"} is missing`));
    }
    // A day less than the retention: records that it is about to remove must not look deleted.
    const since = new Date(settings.auditDays === 0 ? 0 : now.getTime() - (settings.auditDays - 1) * dayMs);
    for (const { transaction, organization_id } of await store.unrecorded(withoutEntry, since, findingsMax)) {
      const text = `the command of transaction ${transaction}, of ${organization_id ?? "the internal scope"}, is in the log of events, and in no chain`;
      findings.push(finding("unrecorded", 0, text));
    }
    for (const id of await store.destroyedWithoutRecord(erasePerson.name, since, findingsMax)) {
      findings.push(finding("erased_without_record", 0, `the key ${id} of a person was destroyed, and no record says so`));
    }
    for (const { organization_id, number, entry_id, is_kept } of await store.unresolvedEntries(resolvedBy, findingsMax)) {
      const chain = organization_id ?? "the internal scope";
      const what = is_kept ? "could not be appended and waits as a dead letter" : "could not be appended, and was changed or deleted since";
      findings.push(finding(is_kept ? "dead_lettered" : "changed", number, `the entry ${entry_id} in the chain of ${chain} ${what}`));
    }
    return { findings };
  },
});

const wrong = (text: string): Finding => finding("wrong_signature", 0, text);

/**
 * Verifies that the private key was encrypted here, and that the public key belongs to it. Decrypts it again: the stored key may have changed
 * since it was cached. Without its master key nothing can be verified.
 */
function issueOfKey(key: SigningKeyRow, keys: Keys): Finding | undefined {
  const replaced = wrong(`the signing key ${key.id} was not made here, or was replaced`);
  try {
    return new Signer(key, keys).publicKey === key.public_key ? undefined : replaced;
  } catch (error) {
    return error instanceof MasterKeyAbsent ? keyAbsent(`the signing key ${key.id}`, error) : replaced;
  }
}
