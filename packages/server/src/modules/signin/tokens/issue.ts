import { v7 as uuid } from "uuid";
import type { Actor } from "#operation/declaration/principal.ts";
import { type AccessTokenClaims, accessTokenType } from "./claims.ts";
import { type SigningKey, signCompact, signCompactInPool } from "./jws.ts";

/** Names of roles and values of permissions for user interfaces. No decision reads them. */
export interface Hints {
  readonly roles: readonly string[];
  /** Undefined where they could not be read. */
  readonly permissions: readonly string[] | undefined;
}

/** The most bytes of permissions in a token: it travels in a header with each request, and proxies limit headers to 8 KB. */
export const permissionBytesMax = 4_096;

export interface AccessTokenSubject {
  readonly id: string;
  readonly kind?: "service";
  readonly organizationId: string | null;
  readonly sessionId?: string;
  readonly clientId?: string;
  readonly scopes?: readonly string[];
  readonly authenticatedAt?: Date;
  readonly methods?: readonly string[];
  readonly authProvider?: string;
  readonly actor?: Actor;
  readonly hints?: Hints;
}

interface Issuer {
  readonly key: SigningKey;
  /** Also the audience: tokens of this function are for this product's API. */
  readonly publicUrl: string;
}

export interface IssuedAccessToken {
  readonly id: string;
  readonly token: string;
  /** Seconds until it expires. */
  readonly expiresIn: number;
  readonly expiresAt: Date;
}

/** The client of tokens that no OAuth client asked for. */
const ownClient = "gatehouse";

/** Signs an access token that is valid for `seconds` from `now`. */
export function issueAccessToken(subject: AccessTokenSubject, { key, publicUrl }: Issuer, now: Date, seconds: number): IssuedAccessToken {
  const claims = claimsOf(subject, publicUrl, now, seconds);
  return issued(claims, signCompact(key, accessTokenType, claims));
}

/** The same, signed by the thread pool. */
export async function issueAccessTokenInPool(
  subject: AccessTokenSubject,
  { key, publicUrl }: Issuer,
  now: Date,
  seconds: number,
): Promise<IssuedAccessToken> {
  const claims = claimsOf(subject, publicUrl, now, seconds);
  return issued(claims, await signCompactInPool(key, accessTokenType, claims));
}

const issued = ({ jti, iat, exp }: AccessTokenClaims, token: string): IssuedAccessToken => ({
  id: jti,
  token,
  expiresIn: exp - iat,
  expiresAt: new Date(exp * 1_000),
});

function claimsOf(subject: AccessTokenSubject, publicUrl: string, now: Date, seconds: number): AccessTokenClaims {
  const iat = Math.floor(now.getTime() / 1_000);
  const { kind, organizationId, sessionId, scopes, authenticatedAt, methods, authProvider, actor } = subject;
  return {
    iss: publicUrl,
    aud: publicUrl,
    sub: subject.id,
    ...(kind && { sub_kind: kind }),
    ...(organizationId && { tid: organizationId }),
    ...(sessionId && { sid: sessionId }),
    jti: uuid(),
    iat,
    exp: iat + seconds,
    client_id: subject.clientId ?? ownClient,
    ...(scopes && { scope: scopes.join(" ") }),
    ...(authenticatedAt && { auth_time: Math.floor(authenticatedAt.getTime() / 1_000) }),
    ...(methods && { amr: methods }),
    ...(authProvider && { auth_provider: authProvider }),
    ...(actor && { act: { sub: actor.id, ...(actor.kind === "service" && { sub_kind: actor.kind }) } }),
    ...(subject.hints && hintClaims(subject.hints)),
  };
}

/** The claims of hints. Too many permissions are left out as a whole: a part of them would hide what a user may do. */
function hintClaims({ roles, permissions }: Hints): Pick<AccessTokenClaims, "roles" | "permissions" | "permissions_omitted"> {
  const fits = permissions !== undefined && Buffer.byteLength(JSON.stringify(permissions)) <= permissionBytesMax;
  return { roles, ...(fits ? { permissions } : { permissions_omitted: true as const }) };
}
