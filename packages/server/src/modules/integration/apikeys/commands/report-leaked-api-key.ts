import { recordUndeliverableOperation } from "#modules/foundation/identity/index.ts";
import { anyone } from "#operation/declaration/authorization.ts";
import { Nothing, Type } from "#operation/declaration/schema.ts";
import { hashSecret } from "#platform/secrets.ts";
import { ApiKeyRevoked, keyEventData } from "../events.ts";
import { withSecret } from "../key-cache.ts";
import { KeyInput, prefixOf } from "../model.ts";
import { apikeys } from "../module.ts";
import type { ApiKeyRow } from "../store.ts";

/**
 * Revokes a key that somebody has found, and tells its owner. The key itself proves the finding: whoever has it could use it. The answer does
 * not tell whether there is such a key.
 */
export const reportLeakedApiKey = apikeys.command("reportLeakedApiKey", {
  http: "POST /api/v1/api-keys/report-leaked",
  summary: "Report an API key that has leaked; it is revoked at once.",
  allow: anyone("whoever has found a key should be able to report it"),
  audit: { action: "ApiKey.LeakReported", category: "Security", severity: "Critical", entity: "ApiKey" },
  everyTenant: "the key tells which tenant it is of",
  // A scanner that finds more reports them in batches an hour.
  limit: { per: "address", points: 60, seconds: 3_600 },
  status: 202,
  input: Type.Object({
    key: KeyInput,
    location: Type.Optional(Type.String({ maxLength: 2_000, description: "Where it was found, such as a URL. The audit log keeps it." })),
  }),
  output: Nothing,
  async run({ store, uses, emit, audit, now }, { key }) {
    const prefix = prefixOf(key);
    const found = prefix === undefined ? undefined : withSecret(await store.byPrefix(prefix), hashSecret(key));
    const revoked = found && (await store.revoke(found.id, "leaked", now));
    if (revoked === undefined) return null;
    audit({
      entity: { type: "ApiKey", id: revoked.id },
      organizationId: revoked.organization_id,
      after: { revokedReason: "leaked" },
    });
    emit(ApiKeyRevoked, { ...keyEventData(revoked), reason: "leaked" });
    const userId = personToTell(revoked);
    const person = userId === null ? undefined : await uses.identity.userById(userId);
    if (person !== undefined) {
      await uses.notifications.mail({
        template: "api-key-leaked",
        to: person.email,
        locale: person.locale,
        data: { firstName: person.firstName, keyName: revoked.name, keyPrefix: revoked.prefix },
        onUndeliverable: recordUndeliverableOperation,
      });
    }
    return null;
  },
});

/** The owner; of a service account's key the user who made it. */
const personToTell = ({ owner_kind, owner_id, created_by_kind, created_by_id }: ApiKeyRow): string | null =>
  owner_kind === "user" ? owner_id : created_by_kind === "user" ? created_by_id : null;
