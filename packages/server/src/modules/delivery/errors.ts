import { defineError } from "../../operation/errors.ts";

export const ConsumerNotFound = defineError("delivery.consumer_not_found", 404, "There is no such consumer.");
export const DeadLetterNotFound = defineError("delivery.dead_letter_not_found", 404, "There is no such dead letter.");
