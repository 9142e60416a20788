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

describe("a program does not start with", () => {
  it("a sound operation: it does", () => {
    expect(starting(operation("get")).byName.has("thing.get")).toBe(true);
  });

  it("an operation that does not say who may call it", () => {
    expect(() => starting(operation("get", { allow: undefined }))).toThrow("thing.get says nothing of who may call it");
  });

  it("two operations of one name, or on one route, whatever its parameters are called", () => {
    expect(() => starting(operation("get"), operation("get", { http: undefined }))).toThrow("operation thing.get is declared twice");
    const other = operation("read", { http: "GET /things/:id", input: Type.Object({ id: Uuid }) });
    expect(() => starting(operation("get"), other)).toThrow("route GET /things/: is declared twice");
    expect(() => starting(operation("get"), operation("other", { http: "GET /other/:thingId" }))).not.toThrow();
  });

  it("a parameter in a route that the input does not have", () => {
    expect(() => starting(operation("get", { input: Type.Object({}) }))).toThrow(
      "thing.get has :thingId in its route and not in its input",
    );
  });

  it("a route that cannot be read, or a query behind a writing method", () => {
    expect(() => starting(operation("get", { http: "FETCH /things/:thingId" }))).toThrow("has a route that cannot be read");
    expect(() => starting(operation("get", { http: "DELETE /things/:thingId" }))).toThrow("is a query behind a writing method");
  });

  it("a command whose audit action is not declared, or declared wrongly", () => {
    const declared = { action: "Thing.Changed", category: "Business", severity: "Info" };
    expect(() => starting(command(declared))).not.toThrow();
    expect(() => starting(command(undefined))).toThrow("thing.change does not declare its audit action");
    expect(() => starting(command({ ...declared, action: "changed a thing" }))).toThrow('has the audit action "changed a thing"');
    expect(() => starting(command({ ...declared, category: "Other" }))).toThrow('has the unknown audit category "Other"');
    expect(() => starting(command({ ...declared, severity: "Fatal" }))).toThrow('has the unknown audit severity "Fatal"');
    expect(() => starting(command({ ...declared, reading: "it is read" }))).toThrow("is a command and declares why its reading is audited");
  });

  it("an audited query that does not say why its reading is audited", () => {
    const audit = { action: "Thing.Read", category: "DataAccess", severity: "Info" };
    expect(() => starting(operation("get", { audit }))).toThrow("thing.get is an audited query and does not declare why (audit.reading)");
    expect(() => starting(operation("get", { audit: { ...audit, reading: "it is sensitive" } }))).not.toThrow();
  });

  it("a time in an input that is not a Timestamp, wherever it stands and whatever it is called", () => {
    const taking = (schema: unknown) => () =>
      starting(operation("get", { http: undefined, input: Type.Object({ inner: Type.Object({ some: schema as never }) }) }));
    for (const format of ["date", "time", "date-time-local"])
      expect(taking(Type.Array(Type.String({ format })))).toThrow("takes a time at inner.some that is not a Timestamp");
    const named = (schema: unknown) => () =>
      starting(operation("get", { http: undefined, input: Type.Object({ expiresAt: schema as never }) }));
    expect(named(nullable(Type.String({ maxLength: 30 })))).toThrow("takes a time at expiresAt");
    expect(named(nullable(Timestamp))).not.toThrow();
  });

  it("a permission in a tenant, and no word of what a non-member is told", () => {
    const asking = { allow: permission("Thing.Read") };
    expect(() => starting(operation("get", asking))).toThrow("does not say what a non-member is told");
    expect(() => starting(operation("get", { ...asking, absent: Missing }))).not.toThrow();
    expect(() => starting(operation("get", { allow: internal("Thing.Read") }))).not.toThrow();
  });

  it("one error code or event type for two things", () => {
    const twin = defineError("thing.missing", 410, "It is gone.");
    expect(() => starting(operation("get", { errors: [Missing] }), operation("two", { http: undefined, errors: [twin] }))).toThrow(
      "error code thing.missing is defined twice",
    );
    const made = () =>
      defineEvent({ type: "thing.made.v1", says: "Made.", subject: ["thing", "thingId"], data: Type.Object({ thingId: Uuid }) });
    expect(() => catalogue([contextOf([], [made(), made()])])).toThrow("event thing.made.v1 is declared twice");
  });

  describe("an end", () => {
    const ending = { since: "2026-12-01", sunset: "2027-06-01", instead: "Use the other." };
    const get = (deprecated: object, overrides: Readonly<Record<string, unknown>> = {}) => operation("get", { deprecated, ...overrides });
    const other = operation("other", { http: "GET /other/:thingId" });

    it("that is sound: it does", () => {
      expect(() => starting(get({ ...ending, replacedBy: "thing.other" }), other)).not.toThrow();
      expect(() => starting(get({ ...ending, sunset: "2027-05-30" }))).not.toThrow();
    });

    it.each([
      ["before it begins", { ...ending, sunset: "2026-11-30" }, "goes on 2026-11-30, before it is deprecated (2026-12-01)"],
      ["sooner than half a year", { ...ending, sunset: "2027-05-29" }, "goes 179 days after it is deprecated; 180 is the least"],
      ["on no day", { ...ending, sunset: "2027-02-31" }, 'is deprecated with "2027-02-31", which is no day like 2026-12-01'],
      ["on a day of another form", { ...ending, since: "1 Dec 2026" }, 'is deprecated with "1 Dec 2026", which is no day'],
      ["and no word of what to do", { ...ending, instead: " " }, "does not say what to do instead"],
      ["and nothing in its place that is there", { ...ending, replacedBy: "thing.none" }, "thing.none, which is no operation with a route"],
      ["and itself in its place", { ...ending, replacedBy: "thing.get" }, "thing.get, which is deprecated itself"],
    ])("%s", (_what, deprecated, said) => {
      expect(() => starting(get(deprecated), other)).toThrow(`thing.get`);
      expect(() => starting(get(deprecated), other)).toThrow(said);
    });

    it("in favour of what goes too, or of what nobody outside calls", () => {
      const going = operation("other", { http: "GET /other/:thingId", deprecated: ending });
      expect(() => starting(get({ ...ending, replacedBy: "thing.other" }), going)).toThrow("thing.other, which is deprecated itself");
      expect(() => starting(get(ending, { http: undefined }))).toThrow("is deprecated and has no route");
    });

    it("of an event, that says too little or too much", () => {
      const event = (version: number, more: object = {}, kind = "thing") =>
        defineEvent({
          type: `thing.made.v${version}`,
          says: "Made.",
          subject: [kind, "thingId"],
          data: Type.Object({ thingId: Uuid }),
          ...more,
        });
      const having = (...events: ReturnType<typeof event>[]) => catalogue([contextOf([], events as never)]);
      const going = (more: object) => event(1, { deprecated: { ...ending, ...more } });
      const from = (data: object) => data;
      expect(having(going({ replacedBy: "thing.made.v2", from }), event(2)).formerEvents.get("thing.made.v2")).toHaveLength(1);
      expect(() => having(going({}))).not.toThrow();
      expect(() => having(going({ sunset: "2027-01-01" }))).toThrow("event thing.made.v1 goes 31 days after it is deprecated");
      expect(() => having(going({ replacedBy: "thing.made.v2" }), event(2))).toThrow("not both");
      expect(() => having(going({ replacedBy: "thing.made.v2", from }))).toThrow("thing.made.v2, which is no event");
      expect(() => having(going({ replacedBy: "thing.made.v2", from }), event(2, { deprecated: ending }))).toThrow("deprecated itself");
      expect(() => having(going({ replacedBy: "thing.made.v2", from }), event(2, {}, "part"))).toThrow("another kind of subject or tenant");
    });
  });

  it("a version in a name that is not the one in its route, or with a limit of its own", () => {
    const second = { http: "GET /api/v2/things/:thingId" };
    const first = operation("get", { http: "GET /api/v1/things/:thingId" });
    expect(() => starting(first, operation("get.v2", second))).not.toThrow();
    expect(() => starting(first, operation("getAnew", second))).toThrow("is version 1 by its name and version 2 by its route");
    expect(() => starting(operation("get.v2", { http: "GET /api/v1/things/:thingId" }))).toThrow("is version 2 by its name and version 1");
    const limited = operation("get.v2", { ...second, limit: { per: "address", points: 5, seconds: 60 } });
    expect(() => starting(first, limited)).toThrow("thing.get.v2 has another limit than thing.get");
  });

  it("several faults, without telling all of them at once", () => {
    expect(() => starting(operation("a", { allow: undefined }), operation("b", { input: Type.Object({}) }))).toThrow(
      /thing\.a says nothing[\s\S]*thing\.b has :thingId/,
    );
  });
});

describe("the product's own operations", () => {
  const known = catalogue(manifests);

  it("ask only for permissions that the product defines, in their scope", async () => {
    const { systemPermissions } = await import("#modules/authorization/access/index.ts");
    for (const { name, allow } of known.operations) {
      for (const needed of permissionsIn(allow)) {
        const scope = needed.scope === "tenant" ? "Organization" : "Internal";
        expect(
          systemPermissions[scope].map(({ value }) => value),
          `${name} asks for ${needed.permission}`,
        ).toContain(needed.permission);
      }
    }
  });

  it("have every route of the contract among them", () => {
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

  it("keep every password and token out of what is kept of an input", () => {
    for (const { name, input } of known.operations) {
      for (const [field, schema] of Object.entries(input.properties)) {
        if (!/password|token|secret/i.test(field)) continue;
        expect((schema as unknown as Record<string, unknown>)["x-secret"], `${name} ${field}`).toBe(true);
      }
    }
  });
});
