import { internal } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { Email, Type } from "#operation/declaration/schema.ts";
import { prunedAtOnce } from "#platform/database/prune.ts";
import { Label } from "../model.ts";
import { audit } from "../module.ts";
import { addressPerson, decryptSecret, pepperPerson, userPerson } from "../person-keys.ts";

/** An export may have thousands of parts. */
const exportsAtOnce = 10;

const uuidText = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/**
 * Destroys the keys of a person: their data in the audit log can no longer be decrypted, and the chains still verify. The id of a user
 * also erases their present address, and the address its user. Removes exports as well. Destroys the keys in the last transaction: an
 * interrupted call has destroyed none and can be repeated.
 */
export const erasePerson = audit.command("erasePerson", {
  http: "POST /api/v1/audit/persons/erase",
  summary: "Erase a person's data from the audit log.",
  allow: internal("AuditLog.Erase"),
  audit: { action: "Person.Erased", category: "Security", severity: "Critical", entity: "User" },
  everyTenant: "a person's data is in the chains of every organization that they were a member of",
  input: Type.Object({ userId: Type.Optional(Label(255)), email: Type.Optional(Email) }),
  /** False if the audit log had no key of this person. Their entries that are not in a chain yet are erased as well. */
  output: Type.Object({ erased: Type.Boolean() }),
  tenant: () => null,
  inBatches: "the appended entries of a whole day are removed with their personal data",
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
    const pepper = row === undefined ? undefined : decryptSecret(row, services.keys);
    const people = [
      ...ids.map(userPerson),
      ...(pepper === undefined ? [] : addresses.map((address) => addressPerson(address.toLowerCase(), pepper))),
    ];
    const { destroyed, neverMade } = await store.erase(people, now);
    const deadEntries = await store.eraseDeadEntries({ ids, addresses });
    // The verifier reports a destroyed key or entry that no record names.
    addDetails({ after: { keys: [...destroyed, ...neverMade], ...(deadEntries.length === 0 ? {} : { entries: deadEntries }) } });
    if (ids[0] !== undefined) addDetails({ entity: { type: "User", id: ids[0] } });
    return { erased: destroyed.length > 0 };
  },
});
