import type { AuditLog } from "./model.ts";

export type Format = "jsonl" | "csv";

export const mediaTypes = { jsonl: "application/x-ndjson", csv: "text/csv" } as const;

const columns: readonly (readonly [name: string, of: (log: AuditLog) => unknown])[] = [
  ["organizationId", (log) => log.organizationId],
  ["number", (log) => log.number],
  ["id", (log) => log.id],
  ["occurredAt", (log) => log.occurredAt],
  ["recordedAt", (log) => log.recordedAt],
  ["source", (log) => log.source],
  ["operation", (log) => log.operation],
  ["action", (log) => log.action],
  ["category", (log) => log.category],
  ["severity", (log) => log.severity],
  ["result", (log) => log.result],
  ["reason", (log) => log.reason],
  ["actorKind", (log) => log.actor.kind],
  ["actorId", (log) => log.actor.id],
  ["sessionId", (log) => log.actor.sessionId],
  ["entityType", (log) => log.entity?.type],
  ["entityId", (log) => log.entity?.id],
  ["traceId", (log) => log.traceId],
  ["requestId", (log) => log.requestId],
  ["standsFor", (log) => log.standsFor],
  ["details", (log) => JSON.stringify(log.details)],
  ["personal", (log) => JSON.stringify(log.personal)],
  ["erased", (log) => log.erased],
  ["hash", (log) => log.hash],
  // After the columns of older releases, which consumers may read by index.
  ["principalKind", (log) => log.principal?.kind],
  ["principalId", (log) => log.principal?.id],
  ["credentialKind", (log) => log.credential?.kind],
  ["credentialId", (log) => log.credential?.id],
];

/** The start of a text that a spreadsheet takes for a formula; a leading apostrophe makes it text. */
const formula = /^[=+\-@\t\r\n＝＋－＠]/;

/** A cell of RFC 4180. */
function cell(value: unknown): string {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = typeof value === "string" && formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Formats records as lines of a file. With `first`, a CSV begins with its header. */
export function fileText(logs: readonly AuditLog[], format: Format, first: boolean): string {
  if (format === "jsonl") return logs.map((log) => `${JSON.stringify(log)}\n`).join("");
  const header = first ? [columns.map(([name]) => name).join(",")] : [];
  const lines = logs.map((log) => columns.map(([, of]) => cell(of(log))).join(","));
  return [...header, ...lines].map((line) => `${line}\r\n`).join("");
}
