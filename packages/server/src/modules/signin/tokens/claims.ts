import { Type } from "typebox";
import { Compile } from "typebox/compile";
import type { Actor, IdentifiedPrincipal } from "#operation/declaration/principal.ts";

/** The type of access tokens in their header (RFC 9068 §2.1): an ID token is not one. */
export const accessTokenType = "at+jwt";

/** The claims of an access token (RFC 9068 §2.2, RFC 8693 §4.1), and those of this product. Times are in seconds since 1970. */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly aud: string | readonly string[];
  /** The id of the user or service account. */
  readonly sub: string;
  /** Present where `sub` is a service account. */
  readonly sub_kind?: "service";
  /** The organization that the token is for; absent in the internal scope. */
  readonly tid?: string;
  /** The session that the token ends with; absent for a service account. */
  readonly sid?: string;
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  readonly client_id: string;
  /** Separated by spaces. Values that are permissions limit what the token may do. Absent: no limit. */
  readonly scope?: string;
  readonly auth_time?: number;
  /** Authentication methods (RFC 8176). */
  readonly amr?: readonly string[];
  /** The party that authenticated the user. */
  readonly auth_provider?: string;
  /** The party that acts for `sub`. */
  readonly act?: { readonly sub: string; readonly sub_kind?: "service" };
  /** Names of roles and values of permissions, as hints for user interfaces: no decision reads them. */
  readonly roles?: readonly string[];
  readonly permissions?: readonly string[];
  /** True where the permissions are too many for a token. `GET /api/v1/iam/users/me/permissions` has them. */
  readonly permissions_omitted?: true;
}

const id = Type.String({ pattern: "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$" });
const kind = Type.Optional(Type.Literal("service"));
const text = Type.String({ maxLength: 2_000 });
const claims = Compile(
  Type.Object({
    iss: text,
    aud: Type.Union([text, Type.Array(text)]),
    sub: id,
    sub_kind: kind,
    tid: Type.Optional(id),
    sid: Type.Optional(id),
    jti: id,
    iat: Type.Integer(),
    nbf: Type.Optional(Type.Integer()),
    exp: Type.Integer(),
    client_id: text,
    scope: Type.Optional(Type.String({ maxLength: 8_000 })),
    auth_time: Type.Optional(Type.Integer()),
    amr: Type.Optional(Type.Array(text)),
    act: Type.Optional(Type.Object({ sub: id, sub_kind: kind })),
  }),
);

export interface Expected {
  readonly issuer: string;
  readonly audience: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The clocks of two processes may differ by this much: a token may seem to be issued in the future (RFC 8725 §3.10). */
const skewSeconds = 5;

/** The claims of a verified payload where they are an access token for this audience that is valid now; undefined otherwise. */
export function accessTokenClaims(payload: unknown, { issuer, audience, now }: Expected): AccessTokenClaims | undefined {
  if (!claims.Check(payload)) return undefined;
  // A token that is bound to a key (RFC 7800) needs a proof of that key, which a bearer token does not have.
  if ("cnf" in payload) return undefined;
  const seconds = now / 1_000;
  const isForAudience = typeof payload.aud === "string" ? payload.aud === audience : payload.aud.includes(audience);
  if (payload.iss !== issuer || !isForAudience) return undefined;
  if (seconds >= payload.exp || payload.iat > seconds + skewSeconds || (payload.nbf ?? 0) > seconds + skewSeconds) return undefined;
  return payload as AccessTokenClaims;
}

const actorOf = ({ sub, sub_kind }: NonNullable<AccessTokenClaims["act"]>): Actor => ({ kind: sub_kind ?? "user", id: sub });

/** Scopes of OpenID Connect Core §5.4 and §11, which are no permissions. */
const openidScopes: ReadonlySet<string> = new Set([
  "openid",
  "profile",
  "email",
  "address",
  "phone",
  "offline_access",
  "roles",
  "organization",
]);

const permissionScopes = (scope: string): readonly string[] => scope.split(" ").filter((value) => value !== "" && !openidScopes.has(value));

/** The principal that a token authenticates. */
export const principalOf = ({ sub, sub_kind, tid, sid, jti, iat, scope, auth_time, amr, act }: AccessTokenClaims): IdentifiedPrincipal => ({
  kind: sub_kind ?? "user",
  id: sub,
  organizationId: tid ?? null,
  credential: {
    kind: "accessToken",
    id: jti,
    ...(sid === undefined ? {} : { sessionId: sid }),
    ...(scope === undefined ? {} : { scopes: permissionScopes(scope) }),
    authenticatedAt: (auth_time ?? iat) * 1_000,
    methods: amr ?? [],
  },
  ...(act === undefined ? {} : { actor: actorOf(act) }),
});
