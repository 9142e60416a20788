import { expect, it } from "vitest";
import { hashOfRecord } from "./record.ts";

const withoutPrincipal = {
  organization_id: "0198c0de-0000-7000-8000-00000000c4a1",
  number: 2,
  previous_hash: "ab".repeat(32),
  id: "0198c0de-0000-7000-8000-000000000001",
  transaction: "751",
  occurred_at: new Date("2026-01-02T03:04:05.678Z"),
  recorded_at: new Date("2026-01-02T03:04:06.001Z"),
  source: "gatehouse",
  operation: "access.createRole",
  action: "Role.Created",
  category: "Security",
  severity: "Warning",
  result: "success",
  reason: null,
  actor_kind: "user",
  actor_id: "0198c0de-0000-7000-8000-000000000002",
  session_id: "0198c0de-0000-7000-8000-000000000003",
  principal_kind: null,
  principal_id: null,
  credential_kind: null,
  credential_id: null,
  entity_type: "Role",
  entity_id: "0198c0de-0000-7000-8000-000000000004",
  trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
  request_id: "request 1",
  stands_for: 1,
  details: '{"input":{"name":"Auditor"}}',
  personal_hashes: ["cd".repeat(32)],
};
const withPrincipal = {
  ...withoutPrincipal,
  principal_kind: "user",
  principal_id: withoutPrincipal.actor_id,
  credential_kind: "session",
  credential_id: withoutPrincipal.session_id,
};

it("a record of the first format has the hash that its release computed", () => {
  expect(hashOfRecord(withoutPrincipal)).toBe("50d754dc2ddd05f3a66ef920e1f2544cb426c6ee8f321008f38bc9967aa59484");
});

it("a record of the second format has the documented hash, which covers principal and credential", () => {
  expect(hashOfRecord(withPrincipal)).toBe("3b3c26c75e9f7eb3f7382a9987936d23eec1a0d68c9ab0399c1e1d6b8173e3b3");
});

it.each(["principal_kind", "principal_id", "credential_kind", "credential_id"] as const)(
  "the hash of a record covers %s, even if it was null",
  (field) => {
    expect(hashOfRecord({ ...withoutPrincipal, [field]: "other" })).not.toBe(hashOfRecord(withoutPrincipal));
    expect(hashOfRecord({ ...withPrincipal, [field]: "other" })).not.toBe(hashOfRecord(withPrincipal));
    expect(hashOfRecord({ ...withPrincipal, [field]: null })).not.toBe(hashOfRecord(withPrincipal));
  },
);
