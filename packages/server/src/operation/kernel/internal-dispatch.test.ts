import { expect, it } from "vitest";
import { operatorOnly } from "../declaration/authorization.ts";
import { module } from "../declaration/module.ts";
import { operator, system } from "../declaration/principal.ts";
import { Type } from "../declaration/schema.ts";
import type { Call } from "./dispatch.ts";
import { internalDispatch } from "./internal-dispatch.ts";
import { backgroundOrigin } from "./scheduled.ts";

const library = module("library", { store: { reads: () => ({}), writes: () => ({}) } });
const countBooks = library.query("countBooks", {
  summary: "How many books there are.",
  allow: operatorOnly(),
  input: Type.Object({ author: Type.String() }),
  output: Type.Object({ count: Type.Integer() }),
  run: async () => ({ count: 0 }),
});

it("calls an operation by its declaration, by default as the system and without an address", async () => {
  const calls: Call[] = [];
  const dispatch = internalDispatch((call) => {
    calls.push(call);
    return { output: { count: 3 }, revision: "7" };
  });
  const { output, revision } = await dispatch(countBooks, { author: "Nguyễn Du" });
  // The declared type is a number, so no cast is needed.
  expect(output.count + 1).toBe(4);
  expect(revision).toBe("7");
  const origin = backgroundOrigin({ requestId: "request", traceId: "trace" });
  await dispatch(countBooks, { author: "Nguyễn Du" }, { principal: operator, origin });
  await dispatch.byName("library.countBooks", { author: "Nguyễn Du" });
  expect(calls.map(({ operation, input }) => [operation, input])).toEqual(Array(3).fill(["library.countBooks", { author: "Nguyễn Du" }]));
  expect(calls.map(({ principal }) => principal)).toEqual([system, operator, system]);
  expect(calls[1]?.origin).toBe(origin);
  expect(calls[0]?.origin).toMatchObject({ ip: null, userAgent: null });
});

it("rejects with the error of the operation", async () => {
  const failure = new Error("no operation is named so");
  const dispatch = internalDispatch(() => {
    throw failure;
  });
  await expect(dispatch(countBooks, { author: "" })).rejects.toBe(failure);
});
