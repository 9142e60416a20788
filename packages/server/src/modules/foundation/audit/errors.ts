import { defineError } from "#operation/declaration/errors.ts";

export const LogNotFound = defineError("audit.log_not_found", 404, "There is no such audit log.");
export const ExportNotFound = defineError("audit.export_not_found", 404, "There is no such export, or its time is over.");
export const ExportNotReady = defineError("audit.export_not_ready", 409, "This part of the export is not written yet.");
export const TooManyExports = defineError("audit.too_many_exports", 409, "So many exports are kept already. They go after a day.");
export const ExportTooLarge = defineError("audit.export_too_large", 409, "These are too many records for one answer. Start an export.");
