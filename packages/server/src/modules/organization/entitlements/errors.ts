import { defineError } from "#operation/declaration/errors.ts";

export const SubscriptionNotFound = defineError("entitlements.organization_not_found", 404, "There is no such organization.");

export const EventFromTheFuture = defineError(
  "entitlements.event_from_the_future",
  400,
  "What is said to happen more than five minutes from now is not followed.",
);

export const DeletionNotConfirmed = defineError(
  "entitlements.deletion_not_confirmed",
  409,
  "Billing does not confirm that the organization is to be deleted.",
);
