import { defineError } from "#operation/declaration/errors.ts";

export const ServiceAccountNotFound = defineError("serviceaccounts.not_found", 404, "There is no such service account.");
export const ServiceAccountNameTaken = defineError(
  "serviceaccounts.name_taken",
  409,
  "A service account with this name exists in this organization.",
);
