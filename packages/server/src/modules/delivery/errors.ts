import { defineError } from "../../operation/errors.ts";

export const ConsumerNotFound = defineError("delivery.consumer_not_found", 404, "There is no such consumer.");
export const RemovalNotFound = defineError("delivery.removal_not_found", 404, "No removal of that name is stopped.");
export const DeadLetterNotFound = defineError("delivery.dead_letter_not_found", 404, "There is no such dead letter.");
