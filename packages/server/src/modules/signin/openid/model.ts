import { PermissionValue } from "#modules/authorization/access/index.ts";
import { Description, Name, nullable, oneOf, oneOfExtensible, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { newSecret } from "#platform/secrets.ts";
import { PublicKeySet, PublicKeySetInAnswer } from "./public-keys.ts";

/**
 * The kinds of clients (RFC 6749 §2.1). `public` cannot keep a secret: browsers, mobile and desktop applications. `confidential` can: web
 * applications with a server. `service` acts for its service account, without a user. A kind never changes.
 */
const clientKinds = ["public", "confidential", "service"] as const;
export const ClientKind = oneOf(...clientKinds);
export const ClientKindInAnswer = oneOfExtensible(...clientKinds);
export type ClientKind = Static<typeof ClientKind>;

/** A suspended client gets no tokens. */
export const ClientStatus = oneOf("Active", "Suspended");
export type ClientStatus = Static<typeof ClientStatus>;

/** How a client authenticates at the token endpoint (OpenID Connect Core §9). `none` is for public clients. */
const authMethods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] as const;
export type TokenEndpointAuthMethod = (typeof authMethods)[number];

/** The method of a client that names none. */
export const defaultAuthMethod = (kind: ClientKind): TokenEndpointAuthMethod => (kind === "public" ? "none" : "client_secret_basic");
/** Whether a client authenticates with a secret. */
export const usesSecret = (method: TokenEndpointAuthMethod): boolean => method === "client_secret_basic" || method === "client_secret_post";

/** The scopes that are not permissions. They concern a user, so a service client has none of them. */
export const openidScopes = ["openid", "profile", "email", "offline_access", "roles", "organization"] as const;
export type OpenidScope = (typeof openidScopes)[number];
const openidScopeSet: ReadonlySet<string> = new Set(openidScopes);
export const isOpenidScope = (scope: string): boolean => openidScopeSet.has(scope);

const scopesMax = 100;
/** {@link openidScopes}, and permissions. Both have the form of a permission. */
const ClientScopes = Type.Array(PermissionValue, {
  minItems: 1,
  maxItems: scopesMax,
  uniqueItems: true,
  description: "The scopes that the client may ask for: openid, profile, email, offline_access, roles, organization, and permissions.",
});

/** Longer addresses do not work in every browser and server. */
const uriLengthMax = 2_000;
const Uri = Type.String({ minLength: 1, maxLength: uriLengthMax });
const redirectUrisMax = 20;
const RedirectUris = Type.Array(Uri, { maxItems: redirectUrisMax, uniqueItems: true });

/** The settings of a client that can be changed. */
export const ClientSettings = {
  name: Name,
  description: nullable(Description),
  logoUri: nullable(Uri),
  policyUri: nullable(Uri),
  tosUri: nullable(Uri),
  redirectUris: RedirectUris,
  postLogoutRedirectUris: RedirectUris,
  backchannelLogoutUri: nullable(Uri),
  /** Whether the client may use the device authorization grant (RFC 8628). */
  deviceFlow: Type.Boolean(),
  tokenEndpointAuthMethod: oneOf(...authMethods),
  jwks: nullable(PublicKeySet),
  jwksUri: nullable(Uri),
  /** Users are not asked for their consent. Only for a global client. */
  firstParty: Type.Boolean(),
  scopes: ClientScopes,
  /** Whether every token is bound to a key of the client (RFC 9449). */
  dpopBound: Type.Boolean(),
};
export type ClientSettings = {
  readonly [Field in keyof typeof ClientSettings]: Static<(typeof ClientSettings)[Field]>;
};

/** The settings of a client that names none. */
export const defaultSettings = (kind: ClientKind): Omit<ClientSettings, "name" | "scopes"> => ({
  description: null,
  logoUri: null,
  policyUri: null,
  tosUri: null,
  redirectUris: [],
  postLogoutRedirectUris: [],
  backchannelLogoutUri: null,
  deviceFlow: false,
  tokenEndpointAuthMethod: defaultAuthMethod(kind),
  jwks: null,
  jwksUri: null,
  firstParty: false,
  dpopBound: false,
});

/** The settings as a request may leave them out. */
export const OptionalSettings = Type.Partial(Type.Object(ClientSettings)).properties;

const GrantType = oneOfExtensible(
  "authorization_code",
  "refresh_token",
  "client_credentials",
  "urn:ietf:params:oauth:grant-type:device_code",
);
type GrantType = Static<typeof GrantType>;

/** The grants that a client may use: they follow from its kind, and from the device flow where it is switched on. */
export function grantTypesOf({ kind, deviceFlow }: { readonly kind: ClientKind; readonly deviceFlow: boolean }): readonly GrantType[] {
  if (kind === "service") return ["client_credentials"];
  const withUser: readonly GrantType[] = ["authorization_code", "refresh_token"];
  return deviceFlow ? [...withUser, "urn:ietf:params:oauth:grant-type:device_code"] : withUser;
}

/** A secret as it can be shown. */
const ClientSecret = Type.Object({
  id: Uuid,
  /** Its first characters, which tell secrets apart. */
  prefix: Type.String(),
  /** Null until a rotation replaces it. */
  expiresAt: nullable(Timestamp),
  createdAt: Timestamp,
});

export const Client = Type.Object({
  /** The `client_id` of OAuth. */
  id: Uuid,
  /** Null for a global client, which the users of every organization may use. */
  organizationId: nullable(Uuid),
  kind: ClientKindInAnswer,
  ...ClientSettings,
  tokenEndpointAuthMethod: oneOfExtensible(...authMethods),
  jwks: nullable(PublicKeySetInAnswer),
  grantTypes: Type.Array(GrantType),
  /** The service account that a service client authenticates. */
  serviceAccountId: nullable(Uuid),
  status: ClientStatus,
  secrets: Type.Array(ClientSecret),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  version: Type.Integer(),
});
export type Client = Static<typeof Client>;

/** The answer that has a new secret. It is null for a client that uses none. */
export const ClientWithSecret = Type.Object({ ...Client.properties, clientSecret: nullable(Type.String()) });

/** A rotation leaves earlier secrets valid for a while, so a client may have several. */
export const secretsMax = 3;

/** The form of a client secret: `ghc_` and 43 base64url characters (docs/contract.md, "Credentials"). */
const secretPrefix = "ghc_";
const secretForm = /^ghc_[\w-]{43}$/;
export const isClientSecret = (text: string): boolean => secretForm.test(text);
/** 36 of 256 random bits: enough to tell secrets apart, too few to help a guess. */
const shownCharacters = 6;

/** A new client secret, and its first characters for display. */
export function newClientSecret(): { readonly secret: string; readonly prefix: string } {
  const secret = newSecret(secretPrefix);
  return { secret, prefix: secret.slice(0, secretPrefix.length + shownCharacters) };
}
