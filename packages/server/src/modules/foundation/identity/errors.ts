import { defineError } from "#operation/declaration/errors.ts";

export const UserNotFound = defineError("identity.user_not_found", 404, "There is no such user.");
export const OwnStatus = defineError("identity.own_status", 409, "You cannot change the status of your own account.");
