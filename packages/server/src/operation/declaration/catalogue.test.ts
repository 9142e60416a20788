import { describe, expect, it } from "vitest";
import { manifests } from "#runtime/modules.ts";
import { anyone, internal, permission, permissionsIn } from "./authorization.ts";
import { catalogue } from "./catalogue.ts";
import { defineError } from "./errors.ts";
import { defineEvent } from "./event.ts";
import { type ModuleManifest, module } from "./module.ts";
import type { Operation } from "./operation.ts";
import { Nothing, nullable, Timestamp, Type, Uuid } from "./schema.ts";

const thing = module("thing", { store: { reads: () => ({}), writes: () => ({}) } });
const Missing = defineError("thing.missing", 404, "There is no such thing.");
const sound = {
  http: "GET /things/:thingId",
  summary: "A thing.",
  allow: anyone("it is a test"),
  input: Type.Object({ thingId: Uuid }),
  output: Nothing,
  run: async () => null,
} as const;
const operation = (name: string, overrides: Readonly<Record<string, unknown>> = {}): Operation =>
  thing.query(name, { ...sound, ...overrides } as never);
const command = (audit: unknown): Operation => thing.command("change", { ...sound, http: undefined, audit } as never);
const contextOf = (operations: readonly Operation[], events: ModuleManifest["events"] = []): ModuleManifest => ({
  module: thing,
  operations,
  events,
  steps: [],
});
const starting = (...operations: readonly Operation[]) => catalogue([contextOf(operations)]);

describe("the catalogue", () => {
  it("accepts a valid operation", () => {
    expect(starting(operation("get")).byName.has("thing.get")).toBe(true);
  });

  it("rejects an operation that does not declare who may call it", () => {
    expect(() => starting(operation("get", { allow: undefined }))).toThrow("thing.get does not declare who may call it");
  });

  it("rejects two operations of one name or on one route, however its parameters are named", () => {
    expect(() => starting(operation("get"), operation("get", { http: undefined }))).toThrow("operation thing.get is declared twice");
    const other = operation("read", { http: "GET /things/:id", input: Type.Object({ id: Uuid }) });
    expect(() => starting(operation("get"), other)).toThrow("route GET /things/: is declared twice");
    expect(() => starting(operation("get"), operation("other", { http: "GET /other/:thingId" }))).not.toThrow();
  });

  it("rejects a route parameter that the input does not have", () => {
    expect(() => starting(operation("get", { input: Type.Object({}) }))).toThrow(
      "thing.get has :thingId in its route and not in its input",
    );
  });

  it("rejects a route that cannot be read, and a query behind a writing method", () => {
    expect(() => starting(operation("get", { http: "FETCH /things/:thingId" }))).toThrow("has a route that cannot be read");
    expect(() => starting(operation("get", { http: "DELETE /things/:thingId" }))).toThrow("is a query behind a writing method");
  });

  it("rejects a command without a valid audit declaration", () => {
    const declared = { action: "Thing.Changed", category: "Business", severity: "Info" };
    expect(() => starting(command(declared))).not.toThrow();
    expect(() => starting(command(undefined))).toThrow("thing.change does not declare its audit action");
    expect(() => starting(command({ ...declared, action: "changed a thing" }))).toThrow('has the audit action "changed a thing"');
    expect(() => starting(command({ ...declared, category: "Other" }))).toThrow('has the unknown audit category "Other"');
    expect(() => starting(command({ ...declared, severity: "Fatal" }))).toThrow('has the unknown audit severity "Fatal"');
    expect(() => starting(command({ ...declared, reading: "it is read" }))).toThrow("is a command and declares why its reading is audited");
  });

  it("rejects an audited query that does not say why its reading is audited", () => {
    const audit = { action: "Thing.Read", category: "DataAccess", severity: "Info" };
    expect(() => starting(operation("get", { audit }))).toThrow("thing.get is an audited query and does not declare why (audit.reading)");
    expect(() => starting(operation("get", { audit: { ...audit, reading: "it is sensitive" } }))).not.toThrow();
  });

  it("rejects a time in an input that is not a Timestamp, at any depth and under any name", () => {
    const taking = (schema: unknown) => () =>
      starting(operation("get", { http: undefined, input: Type.Object({ inner: Type.Object({ some: schema as never }) }) }));
    for (const format of ["date", "time", "date-time-local"])
      expect(taking(Type.Array(Type.String({ format })))).toThrow("takes a time at inner.some that is not a Timestamp");
    const named = (schema: unknown) => () =>
      starting(operation("get", { http: undefined, input: Type.Object({ expiresAt: schema as never }) }));
    expect(named(nullable(Type.String({ maxLength: 30 })))).toThrow("takes a time at expiresAt");
    expect(named(nullable(Timestamp))).not.toThrow();
  });

  it("rejects a tenant permission without the error for a non-member", () => {
    const guarded = { allow: permission("Thing.Read") };
    expect(() => starting(operation("get", guarded))).toThrow("does not declare the error for a non-member");
    expect(() => starting(operation("get", { ...guarded, absent: Missing }))).not.toThrow();
    expect(() => starting(operation("get", { allow: internal("Thing.Read") }))).not.toThrow();
  });

  it("rejects an error code or event type that is declared twice", () => {
    const twin = defineError("thing.missing", 410, "It is gone.");
    expect(() => starting(operation("get", { errors: [Missing] }), operation("two", { http: undefined, errors: [twin] }))).toThrow(
      "error code thing.missing is defined twice",
    );
    const made = () =>
      defineEvent({ type: "thing.made.v1", summary: "Made.", subject: ["thing", "thingId"], data: Type.Object({ thingId: Uuid }) });
    expect(() => catalogue([contextOf([], [made(), made()])])).toThrow("event thing.made.v1 is declared twice");
  });

  describe("a deprecation", () => {
    const deprecation = { since: "2026-12-01", sunset: "2027-06-01", instead: "Use the other." };
    const get = (deprecated: object, overrides: Readonly<Record<string, unknown>> = {}) => operation("get", { deprecated, ...overrides });
    const other = operation("other", { http: "GET /other/:thingId" });

    it("is accepted where it is complete", () => {
      expect(() => starting(get({ ...deprecation, replacedBy: "thing.other" }), other)).not.toThrow();
      expect(() => starting(get({ ...deprecation, sunset: "2027-05-30" }))).not.toThrow();
    });

    it.each([
      [
        "with a sunset before its start",
        { ...deprecation, sunset: "2026-11-30" },
        "has its sunset on 2026-11-30, before its deprecation (2026-12-01)",
      ],
      [
        "with a sunset within half a year",
        { ...deprecation, sunset: "2027-05-29" },
        "has its sunset 179 days after its deprecation; the minimum is 180",
      ],
      [
        "with a sunset on no calendar day",
        { ...deprecation, sunset: "2027-02-31" },
        'is deprecated with "2027-02-31", which is no day like 2026-12-01',
      ],
      ["with a date in another format", { ...deprecation, since: "1 Dec 2026" }, 'is deprecated with "1 Dec 2026", which is no day'],
      ["without an instruction", { ...deprecation, instead: " " }, "does not say what to do instead"],
      [
        "with a replacement that does not exist",
        { ...deprecation, replacedBy: "thing.none" },
        "thing.none, which is no operation with a route",
      ],
      ["that names itself as the replacement", { ...deprecation, replacedBy: "thing.get" }, "thing.get, which is deprecated itself"],
    ])("%s is rejected", (_what, deprecated, issue) => {
      expect(() => starting(get(deprecated), other)).toThrow(`thing.get`);
      expect(() => starting(get(deprecated), other)).toThrow(issue);
    });

    it("is rejected where the replacement is deprecated too, or where the operation has no route", () => {
      const going = operation("other", { http: "GET /other/:thingId", deprecated: deprecation });
      expect(() => starting(get({ ...deprecation, replacedBy: "thing.other" }), going)).toThrow("thing.other, which is deprecated itself");
      expect(() => starting(get(deprecation, { http: undefined }))).toThrow("is deprecated and has no route");
    });

    it("of an event is rejected where it is incomplete or contradictory", () => {
      const event = (version: number, more: object = {}, kind = "thing") =>
        defineEvent({
          type: `thing.made.v${version}`,
          summary: "Made.",
          subject: [kind, "thingId"],
          data: Type.Object({ thingId: Uuid }),
          ...more,
        });
      const catalogueOf = (...events: ReturnType<typeof event>[]) => catalogue([contextOf([], events as never)]);
      const going = (more: object) => event(1, { deprecated: { ...deprecation, ...more } });
      const from = (data: object) => data;
      expect(catalogueOf(going({ replacedBy: "thing.made.v2", from }), event(2)).formerEvents.get("thing.made.v2")).toHaveLength(1);
      expect(() => catalogueOf(going({}))).not.toThrow();
      expect(() => catalogueOf(going({ sunset: "2027-01-01" }))).toThrow(
        "event thing.made.v1 has its sunset 31 days after its deprecation",
      );
      expect(() => catalogueOf(going({ replacedBy: "thing.made.v2" }), event(2))).toThrow("not both");
      expect(() => catalogueOf(going({ replacedBy: "thing.made.v2", from }))).toThrow("thing.made.v2, which is no event");
      expect(() => catalogueOf(going({ replacedBy: "thing.made.v2", from }), event(2, { deprecated: deprecation }))).toThrow(
        "deprecated itself",
      );
      expect(() => catalogueOf(going({ replacedBy: "thing.made.v2", from }), event(2, {}, "part"))).toThrow(
        "another kind of subject or tenant",
      );
    });
  });

  it("rejects a version that differs between name and route, or that has a limit of its own", () => {
    const second = { http: "GET /api/v2/things/:thingId" };
    const first = operation("get", { http: "GET /api/v1/things/:thingId" });
    expect(() => starting(first, operation("get.v2", second))).not.toThrow();
    expect(() => starting(first, operation("getAnew", second))).toThrow("is version 1 by its name and version 2 by its route");
    expect(() => starting(operation("get.v2", { http: "GET /api/v1/things/:thingId" }))).toThrow("is version 2 by its name and version 1");
    const limited = operation("get.v2", { ...second, limit: { per: "address", points: 5, seconds: 60 } });
    expect(() => starting(first, limited)).toThrow("thing.get.v2 has another limit than thing.get");
  });

  it("reports all issues of all operations at once", () => {
    expect(() => starting(operation("a", { allow: undefined }), operation("b", { input: Type.Object({}) }))).toThrow(
      /thing\.a does not declare[\s\S]*thing\.b has :thingId/,
    );
  });
});

describe("the product's own operations", () => {
  const known = catalogue(manifests);

  it("require only permissions that the product defines, in their scope", async () => {
    const { systemPermissions } = await import("#modules/authorization/access/index.ts");
    for (const { name, allow } of known.operations) {
      for (const needed of permissionsIn(allow)) {
        const scope = needed.scope === "tenant" ? "Organization" : "Internal";
        expect(
          systemPermissions[scope].map(({ value }) => value),
          `${name} requires ${needed.permission}`,
        ).toContain(needed.permission);
      }
    }
  });

  it("include every route of the contract", () => {
    const routes = new Set(known.operations.map(({ http }) => http?.replace(/:\w+/g, ":")));
    for (const row of [
      "POST /auth/register",
      "POST /auth/verify-email",
      "POST /auth/login",
      "POST /auth/logout",
      "GET /auth/sessions",
      "DELETE /auth/sessions/:",
      "POST /auth/forgot-password",
      "POST /auth/reset-password",
      "GET /users/me",
      "PUT /users/me",
      "POST /organizations",
      "PUT /organizations/:",
      "GET /organizations/:/memberships",
      "PUT /organizations/:/memberships/:",
      "DELETE /organizations/:/memberships/:",
      "POST /organizations/:/invitations",
      "POST /invitations/:/accept",
      "DELETE /invitations/:",
      "POST /authorization/check",
      "GET /roles",
      "POST /roles",
      "PUT /roles/:",
      "DELETE /roles/:",
      "POST /roles/:/permissions",
      "DELETE /roles/:/permissions",
      "GET /permissions",
      "POST /permissions",
      "PUT /permissions/:",
      "DELETE /permissions/:",
    ]) {
      const [method, path] = row.split(" ");
      expect(routes, row).toContain(`${method} /api/v1/iam${path}`);
    }
  });

  it("declare every password and token of an input as secret", () => {
    for (const { name, input } of known.operations) {
      for (const [field, schema] of Object.entries(input.properties)) {
        const { type, format, enum: values, "x-secret": isSecret } = schema as unknown as Record<string, unknown>;
        // The id of a token is no secret, nor is one of the values that the API names.
        if (type !== "string" || format === "uuid" || values !== undefined || !/password|token|secret/i.test(field)) continue;
        expect(isSecret, `${name} ${field}`).toBe(true);
      }
    }
  });
});
