import { defineError } from "#operation/declaration/errors.ts";

export const SubscriptionNotFound = defineError("entitlements.organization_not_found", 404, "There is no such organization.");

export const EventInTheFuture = defineError(
  "entitlements.event_from_the_future",
  400,
  "An event that occurs more than five minutes in the future is refused.",
);

export const DeletionNotConfirmed = defineError(
  "entitlements.deletion_not_confirmed",
  409,
  "Billing does not confirm that the organization is to be deleted.",
);
