import { defineError } from "#operation/declaration/errors.ts";

export const ConsumerNotFound = defineError("operations.consumer_not_found", 404, "There is no such consumer.");
export const RemovalNotFound = defineError("operations.removal_not_found", 404, "No removal of that name is stopped.");
export const DeadLetterNotFound = defineError("operations.dead_letter_not_found", 404, "There is no such dead letter.");
