import { defineError } from "#operation/declaration/errors.ts";

export const ClientNotFound = defineError("openid.client_not_found", 404, "There is no such client.");
export const ClientSecretNotFound = defineError("openid.client_secret_not_found", 404, "There is no such client secret.");
export const ClientScopeNotHeld = defineError(
  "openid.scope_not_held",
  403,
  "A client can only have scopes that are held by the principal who creates or changes it.",
);
export const UsesNoSecret = defineError("openid.client_uses_no_secret", 409, "The client does not authenticate with a secret.");
export const TooManySecrets = defineError(
  "openid.too_many_secrets",
  409,
  "The client has as many valid secrets as it can have. Delete one, or rotate without an overlap.",
);
