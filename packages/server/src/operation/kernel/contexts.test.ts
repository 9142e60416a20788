import { newPerson } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anyone } from "../declaration/authorization.ts";
import { catalogue } from "../declaration/catalogue.ts";
import { defineError } from "../declaration/errors.ts";
import { module } from "../declaration/module.ts";
import { operator, type Principal } from "../declaration/principal.ts";
import { Type } from "../declaration/schema.ts";
import { type InternalDispatch, internalDispatch } from "./internal-dispatch.ts";
import { Kernel } from "./kernel.ts";

const library = module("library", { store: { reads: () => ({}), writes: () => ({}) } });
const NotYours = defineError("library.not_yours", 403, "You may not lend what you may not read.");

const lend = library.command("lend", {
  summary: "Lend books.",
  allow: anyone("the delegation check is what is tested"),
  input: Type.Object({ values: Type.Array(Type.String()) }),
  output: Type.Object({ services: Type.Array(Type.String()) }),
  audit: { action: "Book.Lent", category: "Business", severity: "Info" },
  errors: [NotYours],
  async prepare({ requireHeld, services }, { values }) {
    await requireHeld(null, values, { error: NotYours, field: "books" });
    return Object.keys(services);
  },
  run: async (_context, _input, services) => ({ services }),
});

describe("the context of a use case", () => {
  let server: TestServer;
  let user: Principal;
  let dispatch: InternalDispatch;

  beforeAll(async () => {
    server = await startTestServer();
    const { platform, authenticate } = server.application;
    const kernel = new Kernel(catalogue([{ module: library, operations: [lend], events: [], steps: [] }]), platform);
    kernel.authorizeWith({
      holds: () => true,
      missingPermissions: async (_principal, _scope, values) => values.filter((value) => value !== "held"),
    });
    user = (await authenticate((await newPerson(server)).token)) as Principal;
    dispatch = internalDispatch(kernel.dispatch);
  });
  afterAll(() => server.close());

  const missing = (count: number) => Array.from({ length: count }, (_, index) => `missing.${index}`);
  const refusal = (values: readonly string[], principal: Principal) =>
    dispatch(lend, { values: [...values] }, { principal }).catch((error) => error);

  it("has a delegation check that fails with the declared error and at most twenty missing permissions", async () => {
    expect(await refusal(["held", "missing.0"], user)).toMatchObject({
      definition: NotYours,
      details: [{ field: "books", rule: "held", permission: "missing.0" }],
    });
    expect((await refusal(missing(30), user)).details).toHaveLength(20);
    expect((await refusal(["held"], { kind: "anonymous" })).definition).toBe(NotYours);
  });

  it("has a delegation check that passes for a caller with all permissions, and for the operator", async () => {
    for (const [values, principal] of [
      [["held"], user],
      [[], user],
      [missing(1), operator],
    ] as const) {
      await expect(dispatch(lend, { values: [...values] }, { principal })).resolves.toBeDefined();
    }
  });

  it("has services, and no port that bypasses the context", async () => {
    const { services } = (await dispatch(lend, { values: [] }, { principal: user })).output;
    expect(services.toSorted()).toEqual(["clock", "keys", "limits", "logger", "metrics", "operations", "revision", "settings"]);
  });
});
