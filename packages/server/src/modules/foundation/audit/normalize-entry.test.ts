import { expect, it } from "vitest";
import { attributesOf } from "#operation/declaration/audit-declaration.ts";
import { anonymous, operator, type Principal } from "#operation/declaration/principal.ts";
import { identityColumns } from "#operation/kernel/audit-identity.ts";
import type { CompleteEntry } from "./complete-entry.ts";
import { normalizeEntry, recordEventName } from "./normalize-entry.ts";
import { userPerson } from "./person-keys.ts";

const pepper = Buffer.alloc(32, 7).toString("base64url");
const service = "service 1";
const administrator = "0198c0de-0000-7000-8000-000000000002";
const session = "0198c0de-0000-7000-8000-000000000003";
const entry: CompleteEntry = {
  transaction: "1",
  sequence: "1",
  id: "0198c0de-0000-7000-8000-000000000001",
  operation: "access.createRole",
  action: "Role.Created",
  category: "Security",
  severity: "Warning",
  ...identityColumns(operator),
  organization_id: null,
  input: {},
  personal: null,
  before: null,
  after: null,
  entity_type: "Role",
  entity_id: "one",
  ip_address: "10.1.2.3",
  user_agent: null,
  trace_id: "trace",
  request_id: null,
  occurred_at: new Date(0),
  result: "success",
  reason: null,
  stands_for: 1,
};
const principal: Principal = {
  kind: "service",
  id: service,
  organizationId: null,
  credential: { kind: "apiKey", id: "key 1", authenticatedAt: 0, methods: [] },
};
const delegated = { ...entry, ...identityColumns({ ...principal, actor: { kind: "user", id: administrator } }) };

it("a delegated call has an actor in addition to the principal and its credential, and the IP address belongs to the actor", () => {
  const record = normalizeEntry(delegated, pepper);
  expect(record).toMatchObject({
    actor_kind: "user",
    actor_id: administrator,
    principal_kind: "service",
    principal_id: service,
    credential_kind: "apiKey",
    credential_id: "key 1",
  });
  expect([...record.personal]).toEqual([[userPerson(administrator), { ipAddress: "10.1.2.3" }]]);
});

it("a call without a delegate has the principal as its actor", () => {
  expect(normalizeEntry({ ...entry, ...identityColumns(principal) }, pepper)).toMatchObject({
    actor_kind: "service",
    actor_id: service,
    principal_kind: "service",
    principal_id: service,
  });
});

it("an application's event has the user that it names as actor, and the recording principal as principal", () => {
  const event = { source: "shop", action: "order.placed", userId: "42" };
  const record = normalizeEntry({ ...delegated, operation: recordEventName, input: event }, pepper);
  expect(record).toMatchObject({ actor_kind: "user", actor_id: "42", principal_kind: "service", principal_id: service });
  expect(JSON.parse(record.details)).toEqual({ recordedBy: service });
});

it("an anonymous caller who authenticates by the call itself is recorded as that user, without a credential", () => {
  expect(identityColumns(anonymous, administrator)).toMatchObject({
    caller_kind: "anonymous",
    user_id: null,
    principal_kind: "user",
    principal_id: administrator,
    credential_kind: null,
    credential_id: null,
  });
  const user: Principal = {
    kind: "user",
    id: "another",
    organizationId: null,
    credential: { kind: "session", id: session, authenticatedAt: 0, methods: [] },
  };
  expect(identityColumns(user, administrator)).toMatchObject({
    principal_id: "another",
    credential_kind: "session",
    credential_id: session,
  });
});

it("a refused or failed call has at least the severity Warning", () => {
  const severityOf = (severity: "Info" | "Warning" | "Critical", result: "success" | "refused" | "failed") =>
    attributesOf({ action: "Role.Created", category: "Security", severity }, result).severity;
  expect([severityOf("Info", "success"), severityOf("Info", "refused"), severityOf("Info", "failed")]).toEqual([
    "Info",
    "Warning",
    "Warning",
  ]);
  expect([severityOf("Critical", "success"), severityOf("Critical", "refused")]).toEqual(["Critical", "Critical"]);
});
