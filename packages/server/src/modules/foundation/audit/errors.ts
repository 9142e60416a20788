import { defineError } from "#operation/declaration/errors.ts";

export const LogNotFound = defineError("audit.log_not_found", 404, "There is no such audit log.");
export const ExportNotFound = defineError("audit.export_not_found", 404, "There is no such export, or it has expired.");
export const ExportNotReady = defineError("audit.export_not_ready", 409, "This part of the export is not written yet.");
export const TooManyExports = defineError(
  "audit.too_many_exports",
  409,
  "The stored exports have reached their limit. Each is deleted after a day.",
);
export const ExportTooLarge = defineError("audit.export_too_large", 409, "There are too many records for one response. Start an export.");
