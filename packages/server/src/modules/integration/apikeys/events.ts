import { defineEvent } from "#operation/declaration/event.ts";
import { nullable, oneOfExtensible, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { OwnerKind, revocationReasons } from "./model.ts";
import type { ApiKeyRow } from "./store.ts";

const key = { apiKeyId: Uuid, organizationId: nullable(Uuid), ownerKind: OwnerKind, ownerId: Uuid };
const about = { subject: ["apiKey", "apiKeyId"], tenant: "organizationId" } as const;

export const ApiKeyCreated = defineEvent({
  type: "api_key.created.v1",
  summary: "An API key was created.",
  ...about,
  data: Type.Object({ ...key, name: Type.String(), scopes: Type.Array(Type.String()), expiresAt: nullable(Timestamp) }),
});

export const ApiKeyUpdated = defineEvent({
  type: "api_key.updated.v1",
  summary: "The name, networks or rate limits of an API key were changed.",
  ...about,
  data: Type.Object(key),
});

export const ApiKeyRotated = defineEvent({
  type: "api_key.rotated.v1",
  summary: "An API key was replaced by a successor and expires after the overlap.",
  ...about,
  data: Type.Object({ ...key, successorId: Uuid, expiresAt: Timestamp }),
});

export const ApiKeyRevoked = defineEvent({
  type: "api_key.revoked.v1",
  summary: "An API key was revoked.",
  ...about,
  data: Type.Object({ ...key, reason: oneOfExtensible(...revocationReasons) }),
});

export const keyEventData = ({ id, organization_id, owner_kind, owner_id }: ApiKeyRow) => ({
  apiKeyId: id,
  organizationId: organization_id,
  ownerKind: owner_kind,
  ownerId: owner_id,
});

export const events = [ApiKeyCreated, ApiKeyUpdated, ApiKeyRotated, ApiKeyRevoked];
