import { PasswordChanged, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import { SessionEnded } from "#modules/signin/sessions/index.ts";
import type { Consumer } from "#platform/log/consumers/consumer.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import type { Platform } from "#platform/platform.ts";
import type { Revocation } from "#platform/revocation-list/revocation-list.ts";
import { TokenRevoked } from "./events.ts";

/** Each entry is one statement of Redis. */
const batchSize = 100;

/**
 * Publishes revocations for gateways and services that verify access tokens by themselves (docs/security/tokens.md). An entry is kept
 * until the last access token from before the event has expired.
 */
export const publishRevocations = ({ revocationList, clock, settings }: Platform): Consumer => ({
  name: "tokens.publish-revocations",
  types: [TokenRevoked.type, SessionEnded.type, PasswordChanged.type, UserStatusChanged.type, MemberRemoved.type],
  batch: batchSize,
  async handle(events) {
    const entries = events.flatMap((event): Revocation[] => {
      const ageSeconds = Math.floor((clock.now() - event.occurredAt.getTime()) / 1_000);
      const ttlSeconds = settings.accessTokenSeconds - ageSeconds;
      return ttlSeconds > 0 ? [{ ...entryOf(event), ttlSeconds }] : [];
    });
    if (entries.length > 0) await revocationList.publish(entries);
  },
});

interface EndingData {
  readonly tokenId: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly organizationId: string | null;
}

/** The value is a time in seconds since 1970: tokens that were issued until then are revoked. */
function entryOf({ type, data, occurredAt }: LoggedEvent): Pick<Revocation, "key" | "value"> {
  const { tokenId, sessionId, userId, organizationId } = data as unknown as EndingData;
  const value = String(Math.floor(occurredAt.getTime() / 1_000));
  if (type === TokenRevoked.type) return { key: `revoked:${tokenId}`, value };
  if (type === SessionEnded.type) return { key: `revoked:session:${sessionId}`, value };
  if (type === MemberRemoved.type && organizationId !== null) return { key: `revoked:member:${organizationId}:${userId}`, value };
  return { key: `revoked:user:${userId}`, value };
}
