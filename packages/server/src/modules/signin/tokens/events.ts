import { defineEvent } from "#operation/declaration/event.ts";
import { nullable, oneOf, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";

export const SigningKeyRotated = defineEvent({
  type: "signing_key.rotated.v1",
  summary: "Access tokens are signed with another key.",
  subject: ["signing-key", "keyId"],
  data: Type.Object({
    keyId: Uuid,
    algorithm: oneOf("RS256", "ES256", "EdDSA"),
    /** Keys whose tokens are refused from now on. */
    revokedKeyIds: Type.Array(Uuid),
  }),
});

export const TokenRevoked = defineEvent({
  type: "token.revoked.v1",
  summary: "An access token was revoked before it expired.",
  subject: ["token", "tokenId"],
  data: Type.Object({
    tokenId: Uuid,
    /** The token is expired from then on. */
    expiresAt: Timestamp,
  }),
});

export const RefreshTokenWasReplayed = defineEvent({
  type: "token.refresh_replayed.v1",
  summary: "A refresh token was used a second time; its session was ended.",
  subject: ["session", "sessionId"],
  tenant: "organizationId",
  data: Type.Object({ sessionId: Uuid, userId: Uuid, organizationId: nullable(Uuid) }),
});

export const TokenExchanged = defineEvent({
  type: "token.exchanged.v1",
  summary: "A user or service account got a token to act for a user.",
  subject: ["token", "tokenId"],
  tenant: "organizationId",
  data: Type.Object({
    tokenId: Uuid,
    kind: oneOf("impersonation", "delegation"),
    userId: Uuid,
    organizationId: nullable(Uuid),
    actor: Type.Object({ kind: oneOf("user", "service"), id: Uuid }),
    scopes: Type.Array(Type.String()),
    reason: nullable(Type.String()),
    expiresAt: Timestamp,
  }),
});

export const events = [SigningKeyRotated, TokenRevoked, RefreshTokenWasReplayed, TokenExchanged];
