import { defineError } from "../../operation/errors.ts";

export const DeadLetterNotFound = defineError("delivery.dead_letter_not_found", 404, "There is no such dead letter.");
