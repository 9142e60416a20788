import { nullable, oneOf, type Static, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

/** Signature algorithms of access tokens (RFC 7518 §3.1, RFC 8037 §3.1). Symmetric ones are none of them (decision 0005). */
export const algorithms = ["RS256", "ES256", "EdDSA"] as const;
export type Algorithm = (typeof algorithms)[number];

/** The stage of a signing key: published only, signing, or verifying only (decision 0055). */
export type Stage = "next" | "current" | "previous";

/** Verifiers may cache the key set for this long, so a key is published at least as long before it signs. */
export const keySetCacheSeconds = 600;

/** The prefix of refresh tokens (docs/contract.md, "Credentials"). */
export const refreshTokenPrefix = "ghr_";

/** The answer where tokens are issued: an access token and the refresh token of its session. */
export const TokenPair = Type.Object({
  accessToken: Type.String(),
  tokenType: oneOf("Bearer"),
  /** Seconds until the access token expires. */
  expiresIn: Type.Integer(),
  refreshToken: Type.String(),
  refreshTokenExpiresAt: Timestamp,
});
export type TokenPair = Static<typeof TokenPair>;

/** The answer where a token is issued by which another principal acts for a user. It cannot be refreshed. */
export const ExchangedToken = Type.Object({
  accessToken: Type.String(),
  tokenType: oneOf("Bearer"),
  expiresIn: Type.Integer(),
  tokenId: Uuid,
});
export type ExchangedToken = Static<typeof ExchangedToken>;

/** Permission values that an exchanged token is limited to. */
export const Scopes = Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { minItems: 1, maxItems: 100, uniqueItems: true });

/** A signing key, without its private part. */
export const SigningKey = Type.Object({
  id: Uuid,
  algorithm: oneOf(...algorithms),
  stage: oneOf("next", "current", "previous"),
  publishedAt: Timestamp,
  activatedAt: nullable(Timestamp),
  /** Of a previous key: when its last token has expired. */
  expiresAt: nullable(Timestamp),
});
export type SigningKey = Static<typeof SigningKey>;
