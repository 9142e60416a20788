import { internal } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { Email, Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { Label } from "../model.ts";
import { audit } from "../module.ts";
import { addressPerson, openSecret, pepperPerson, userPerson } from "../person-keys.ts";

/** An export may have thousands of parts. */
const exportsAtOnce = 10;

const uuidText = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/**
 * Destroys the keys of a person: what the audit log has encrypted under them cannot be decrypted, and the chains verify as before. A
 * user is erased with their present address, by either. Exports are removed as well. The keys are destroyed in the last part: an
 * interrupted call has destroyed no key, and is repeated.
 */
export const erasePerson = audit.command("erasePerson", {
  http: "POST /api/v1/audit/persons/erase",
  summary: "Erase a person's data from the audit log.",
  allow: internal("AuditLog.Erase"),
  audit: { action: "Person.Erased", category: "Security", severity: "Critical", entity: "User" },
  everyTenant: "a person's data lies in the chains of every organization that they were a member of",
  input: Type.Object({ userId: Type.Optional(Label(255)), email: Type.Optional(Email) }),
  /** False where the audit log had nothing of this person. What is not in a chain yet is erased all the same. */
  output: Type.Object({ erased: Type.Boolean() }),
  tenant: () => null,
  inBatches: "the entries of a day that are in their chains already are removed with the personal data in them",
  async run({ store, uses, audit: addDetails, now, services, more }, { userId, email }) {
    if (userId === undefined && email === undefined) throw invalid({ field: "userId", rule: "required", message: "or email is required" });
    const entries = await store.removeAppendedEntries(now, prunedAtOnce);
    const exports = await store.removeExports(now, exportsAtOnce);
    if (entries === prunedAtOnce || exports === exportsAtOnce) {
      more();
      return { erased: false };
    }
    const named = userId !== undefined && uuidText.test(userId) ? await uses.identity.userById(userId) : undefined;
    const addressed = email === undefined ? undefined : await uses.identity.userByEmail(email);
    const ids = [userId, addressed?.id].filter((id) => id !== undefined);
    const addresses = [email, named?.email].filter((address) => address !== undefined);
    const [row] = await store.personKeys([pepperPerson]);
    const pepper = row === undefined ? undefined : openSecret(row, services.keys);
    const people = [
      ...ids.map(userPerson),
      ...(pepper === undefined ? [] : addresses.map((address) => addressPerson(address.toLowerCase(), pepper))),
    ];
    const { destroyed, neverMade } = await store.erase(people, now);
    const deadEntries = await store.eraseDeadEntries({ ids, addresses });
    // The record names the keys and entries: the verifier reports one that is destroyed without a record.
    addDetails({ after: { keys: [...destroyed, ...neverMade], ...(deadEntries.length === 0 ? {} : { entries: deadEntries }) } });
    if (ids[0] !== undefined) addDetails({ entity: { type: "User", id: ids[0] } });
    return { erased: destroyed.length > 0 };
  },
});
