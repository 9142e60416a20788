import { newPerson } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anyone } from "../authorization.ts";
import { type Caller, operator } from "../caller.ts";
import { catalogue } from "../catalogue.ts";
import { defineError } from "../errors.ts";
import { type InternalDispatch, internalDispatch } from "../internal-dispatch.ts";
import { module } from "../module.ts";
import { Type } from "../schema.ts";
import { Kernel } from "./kernel.ts";

const library = module("library", { store: { reads: () => ({}), writes: () => ({}) } });
const NotYours = defineError("library.not_yours", 403, "You may not lend what you may not read.");

const lend = library.command("lend", {
  summary: "Lend books.",
  allow: anyone("the delegation check is what is tested"),
  input: Type.Object({ values: Type.Array(Type.String()) }),
  output: Type.Object({ services: Type.Array(Type.String()) }),
  errors: [NotYours],
  async prepare({ requireHeld, services }, { values }) {
    await requireHeld(null, values, { error: NotYours, field: "books" });
    return Object.keys(services);
  },
  run: async (_context, _input, services) => ({ services }),
});

describe("what the kernel offers a use case", () => {
  let server: TestServer;
  let user: Caller;
  let dispatch: InternalDispatch;

  beforeAll(async () => {
    server = await startTestServer();
    const { platform, sessions } = server.application;
    const kernel = new Kernel(catalogue([{ module: library, operations: [lend], events: [], steps: [] }]), platform);
    kernel.authorizeWith({
      holds: () => true,
      missingPermissions: async (_userId, _scope, values) => values.filter((value) => value !== "held"),
    });
    user = (await sessions.find((await newPerson(server)).token))?.caller as Caller;
    dispatch = internalDispatch(kernel.dispatch);
  });
  afterAll(() => server.close());

  const missing = (count: number) => Array.from({ length: count }, (_, index) => `missing.${index}`);
  const refusal = (values: readonly string[], caller: Caller) =>
    dispatch(lend, { values: [...values] }, { caller }).catch((error) => error);

  it("a delegation check: the declared error, with the missing permissions, twenty at most", async () => {
    expect(await refusal(["held", "missing.0"], user)).toMatchObject({
      definition: NotYours,
      details: [{ field: "books", rule: "held", permission: "missing.0" }],
    });
    expect((await refusal(missing(30), user)).details).toHaveLength(20);
    expect((await refusal(["held"], { kind: "anonymous" })).definition).toBe(NotYours);
  });

  it("lets pass who holds everything, and whoever has the machine", async () => {
    for (const [values, caller] of [
      [["held"], user],
      [[], user],
      [missing(1), operator],
    ] as const) {
      await expect(dispatch(lend, { values: [...values] }, { caller })).resolves.toBeDefined();
    }
  });

  it("services, and no port that reads or writes past its context", async () => {
    const { services } = (await dispatch(lend, { values: [] }, { caller: user })).output;
    expect(services.toSorted()).toEqual(["clock", "keys", "limits", "logger", "metrics", "revision", "settings"]);
  });
});
