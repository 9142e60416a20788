import { v7 as uuid } from "uuid";
import { scoped } from "#operation/declaration/authorization.ts";
import { invalid } from "#operation/declaration/errors.ts";
import { nullable, personalKeyword, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { nameKey } from "#platform/names/name-key.ts";
import { tenantOfLog } from "../chain-access.ts";
import { LogNotFound } from "../errors.ts";
import { Category, Label, Result, Severity } from "../model.ts";
import { audit } from "../module.ts";

/** Characters of the details as JSON. Lists return whole records. */
const detailsLengthMax = 16_000;
/** A timestamp further in the future comes from a wrong clock, and would order the event after later ones. */
const aheadMsMax = 5 * 60_000;

/** Sources of Gatehouse's own records and events: reserved. */
const ownSources: ReadonlySet<string> = new Set(["gatehouse", "iam"]);

const FreeFields = Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,62}$" }), Type.Unknown(), {
  maxProperties: 100,
  additionalProperties: false,
});
const personal = (maxLength: number) => Type.String({ minLength: 1, maxLength, [personalKeyword]: true });

/**
 * Records an event of an application. The command's own audit entry is the event, so it is chained like any other. Personal data must be
 * in the personal fields, so that it can be erased.
 */
export const recordEvent = audit.command("recordEvent", {
  http: "POST /api/v1/audit/events",
  summary: "Record an application's own event in the audit log.",
  allow: scoped({ tenant: "Organization.WriteAuditEvents", internal: "AuditLog.Write" }),
  audit: { action: "Application", category: "Business", severity: "Info" },
  absent: LogNotFound,
  status: 201,
  input: Type.Object({
    organizationId: Type.Optional(nullable(Uuid)),
    source: Label(100),
    action: Label(100),
    category: Type.Optional(Category),
    severity: Type.Optional(Severity),
    result: Type.Optional(Result),
    failureReason: Type.Optional(Label(255)),
    userId: Type.Optional(Label(255)),
    sessionId: Type.Optional(Label(255)),
    entityType: Type.Optional(Label(100)),
    entityId: Type.Optional(Label(255)),
    timestamp: Type.Optional(Timestamp),
    details: Type.Optional(FreeFields),
    userName: Type.Optional(personal(255)),
    ipAddress: Type.Optional(personal(45)),
    userAgent: Type.Optional(personal(500)),
    personalDetails: Type.Optional({ ...FreeFields, [personalKeyword]: true } as typeof FreeFields),
  }),
  output: Type.Object({ id: Uuid, status: Type.String() }),
  tenant: tenantOfLog,
  async run({ audit: addDetails, now }, input) {
    const { source, details, personalDetails, timestamp } = input;
    if (ownSources.has(nameKey(source))) throw invalid({ field: "source", rule: "reserved", message: "is Gatehouse's own" });
    if (JSON.stringify([details, personalDetails]).length > detailsLengthMax)
      throw invalid({ field: "details", rule: "maxLength", message: `must not be longer than ${detailsLengthMax} characters as JSON` });
    if (timestamp !== undefined && new Date(timestamp).getTime() > now.getTime() + aheadMsMax)
      throw invalid({ field: "timestamp", rule: "past", message: "is in the future" });
    const id = uuid();
    addDetails({ id });
    return { id, status: "logged" };
  },
});
