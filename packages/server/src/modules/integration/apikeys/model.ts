import { PermissionValue } from "#modules/authorization/access/index.ts";
import { Name, nullable, oneOf, oneOfExtensible, Secret, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import type { Limit } from "#platform/limits/limits.ts";
import { networkLengthMax } from "#platform/network/networks.ts";
import { newPublicId, newSecret } from "#platform/secrets.ts";

/** The form of a key: `ghk_`, 8 public characters, `_`, and 43 base64url characters (docs/contract.md, "Credentials"). */
const keyForm = /^(ghk_[A-Za-z0-9]{8})_[\w-]{43}$/;

/** The public part of a key: `ghk_` and 8 characters. Undefined for a malformed key. */
export const prefixOf = (key: string): string | undefined => keyForm.exec(key)?.[1];

const publicLength = 8;

/** A new key, and its public part. */
export function newKey(): { readonly key: string; readonly prefix: string } {
  const prefix = `ghk_${newPublicId(publicLength)}`;
  return { prefix, key: `${prefix}_${newSecret()}` };
}

/** A key as it is sent in a body. */
export const KeyInput = Secret({ minLength: 1, maxLength: 200 });
export const Prefix = Type.String({ pattern: "^ghk_[A-Za-z0-9]{8}$" });

export const OwnerKind = oneOf("user", "service");
export type OwnerKind = Static<typeof OwnerKind>;
export const Owner = Type.Object({ kind: OwnerKind, id: Uuid });

/** At most a day: a restart of the counters loses at most one window. */
const windowSecondsMax = 86_400;
const requestsMax = 1_000_000_000;
export const RateLimit = Type.Object({
  requests: Type.Integer({ minimum: 1, maximum: requestsMax }),
  seconds: Type.Integer({ minimum: 1, maximum: windowSecondsMax }),
});
export type RateLimit = Static<typeof RateLimit>;

/** Converts to the form of the limits port. */
export const limitOf = ({ requests, seconds }: RateLimit): Limit => ({ points: requests, seconds });

const scopesMax = 100;
export const Scopes = Type.Array(PermissionValue, { minItems: 1, maxItems: scopesMax, uniqueItems: true });

const networksMax = 100;
const limitedOperationsMax = 50;
/** The settings of a key that can be changed. */
export const KeySettings = {
  name: Name,
  allowedNetworks: nullable(
    Type.Array(Type.String({ minLength: 1, maxLength: networkLengthMax }), {
      minItems: 1,
      maxItems: networksMax,
      description: "Addresses and CIDR ranges from which the key may be used; null allows every address.",
    }),
  ),
  rateLimit: nullable(RateLimit),
  operationRateLimits: nullable(
    Type.Record(Type.String({ maxLength: 200 }), RateLimit, {
      maxProperties: limitedOperationsMax,
      description: "Rate limits of single operations, by the name of the operation (`decisions.check`).",
    }),
  ),
};
export type KeySettings = {
  readonly [Name in keyof typeof KeySettings]: Static<(typeof KeySettings)[Name]>;
};

export const revocationReasons = ["revoked", "leaked", "owner_removed"] as const;
export type RevocationReason = (typeof revocationReasons)[number];

export const ApiKey = Type.Object({
  id: Uuid,
  organizationId: nullable(Uuid),
  owner: Owner,
  /** The public part, which identifies the key in lists and logs. */
  prefix: Type.String(),
  ...KeySettings,
  scopes: Type.Array(Type.String()),
  status: oneOfExtensible("active", "expired", "revoked"),
  expiresAt: nullable(Timestamp),
  createdBy: nullable(Owner),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  lastUsedAt: nullable(Timestamp),
  revokedAt: nullable(Timestamp),
  revokedReason: nullable(oneOfExtensible(...revocationReasons)),
  /** The key that replaced it in a rotation. */
  successorId: nullable(Uuid),
  version: Type.Integer(),
});
export type ApiKey = Static<typeof ApiKey>;

/** The answer to a creation or rotation, which is the only one with the secret. */
export const NewApiKey = Type.Object({ ...ApiKey.properties, key: Type.String() });
