import { defineError } from "#operation/declaration/errors.ts";

export const ApiKeyNotFound = defineError("apikeys.key_not_found", 404, "There is no such API key.");
export const ScopeNotHeld = defineError("apikeys.scope_not_held", 403, "An API key can only have scopes that its creator holds.");
export const NotTheOwner = defineError("apikeys.not_the_owner", 403, "Only the user can rotate their own API key.");
export const KeyNotActive = defineError("apikeys.key_not_active", 409, "The API key is revoked or expired.");
export const AlreadyRotated = defineError("apikeys.already_rotated", 409, "The API key is already rotated. Rotate its successor.");
export const AlreadyRevoked = defineError("apikeys.already_revoked", 409, "The API key is already revoked.");
