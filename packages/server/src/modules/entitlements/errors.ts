import { defineError } from "../../operation/errors.ts";

export const SubscriptionNotFound = defineError("entitlements.organization_not_found", 404, "There is no such organization.");
