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
 * Revokes a leaked key and notifies its owner. The key itself is the proof: the caller could use it. The answer does not reveal whether such a
 * key exists.
 */
export const reportLeakedApiKey = apikeys.command("reportLeakedApiKey", {
  http: "POST /api/v1/api-keys/report-leaked",
  summary: "Report a leaked API key; it is revoked immediately.",
  allow: anyone("the key is the proof, and its finder has no account"),
  audit: { action: "ApiKey.LeakReported", category: "Security", severity: "Critical", entity: "ApiKey" },
  everyTenant: "the tenant is known only from the key",
  // Enough for a secret scanner, too few to guess keys.
  limit: { per: "address", points: 60, seconds: 3_600 },
  status: 202,
  input: Type.Object({
    key: KeyInput,
    location: Type.Optional(
      Type.String({ maxLength: 2_000, description: "Where the key was found, such as a URL. It is stored in the audit log." }),
    ),
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
    const userId = userToNotify(revoked);
    const user = userId === null ? undefined : await uses.identity.userById(userId);
    if (user !== undefined) {
      await uses.notifications.mail({
        template: "api-key-leaked",
        to: user.email,
        locale: user.locale,
        data: { firstName: user.firstName, keyName: revoked.name, keyPrefix: revoked.prefix },
        onUndeliverable: recordUndeliverableOperation,
      });
    }
    return null;
  },
});

/** The owner; for a key of a service account, the user who created it. */
const userToNotify = ({ owner_kind, owner_id, created_by_kind, created_by_id }: ApiKeyRow): string | null =>
  owner_kind === "user" ? owner_id : created_by_kind === "user" ? created_by_id : null;
