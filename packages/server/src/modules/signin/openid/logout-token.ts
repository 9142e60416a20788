import { SignJWT } from "jose";
import { v7 as uuid } from "uuid";
import type { KeySet } from "#modules/signin/tokens/index.ts";

/** A client reads the token at once (OpenID Connect Back-Channel Logout §2.4 recommends two minutes at most). */
const validSeconds = 120;

export interface EndedSession {
  readonly clientId: string;
  readonly userId: string;
  readonly sessionId: string;
}

/** The logout token that tells a client of an ended session (OpenID Connect Back-Channel Logout §2.4). */
export function logoutToken(keys: KeySet, issuer: string, { clientId, userId, sessionId }: EndedSession, now: Date): Promise<string> {
  const { id, algorithm, key } = keys.current();
  const iat = Math.floor(now.getTime() / 1_000);
  return new SignJWT({ events: { "http://schemas.openid.net/event/backchannel-logout": {} }, sid: sessionId })
    .setProtectedHeader({ alg: algorithm, kid: id, typ: "logout+jwt" })
    .setIssuer(issuer)
    .setAudience(clientId)
    .setSubject(userId)
    .setIssuedAt(iat)
    .setExpirationTime(iat + validSeconds)
    .setJti(uuid())
    .sign(key);
}
