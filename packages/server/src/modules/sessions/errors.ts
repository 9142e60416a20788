import { defineError } from "../../operation/errors.ts";

export const SessionNotFound = defineError("sessions.session_not_found", 404, "There is no such session.");
