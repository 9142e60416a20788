import { expect, it } from "vitest";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import { createBulkhead } from "./bulkhead.ts";

const row = { why: "a test", waiting: 2, waitMs: 60_000 };
const full = (more: Partial<typeof row> = {}) => {
  const metrics = createMetrics();
  const bulkhead = createBulkhead("thing", { ...row, ...more }, 1, metrics);
  const first = Promise.withResolvers<void>();
  const running = bulkhead(() => first.promise);
  const refused = async () => (await metrics.bulkheadRefused.get()).values[0]?.value ?? 0;
  const inUse = async () => (await metrics.bulkheadInUse.get()).values[0]?.value;
  return { bulkhead, first, running, refused, inUse };
};

it("a bulkhead runs waiting calls in order, each when another has succeeded or failed", async () => {
  const { bulkhead, first, running, inUse } = full();
  const order: string[] = [];
  const failing = bulkhead(async () => {
    order.push("second");
    throw new Error("no");
  });
  const last = bulkhead(async () => order.push("third"));
  expect(order).toEqual([]);
  first.resolve();
  await running;
  await expect(failing).rejects.toThrow("no");
  await last;
  expect(order).toEqual(["second", "third"]);
  expect(await inUse()).toBe(0);
});

it("a bulkhead rejects calls at once when too many wait, and does not begin them", async () => {
  const { bulkhead, first, running, refused } = full();
  const waiting = [bulkhead(async () => {}), bulkhead(async () => {})];
  let begun = false;
  const surplus = bulkhead(async () => {
    begun = true;
  });
  await expect(surplus).rejects.toThrow(Unavailable);
  first.resolve();
  await Promise.all([running, ...waiting]);
  expect(begun).toBe(false);
  expect(await refused()).toBe(1);
});

it("a bulkhead rejects a call that has waited too long, and never begins it", async () => {
  const { bulkhead, first, running, refused, inUse } = full({ waitMs: 20 });
  let begun = false;
  const late = bulkhead(async () => {
    begun = true;
  });
  await expect(late).rejects.toThrow(Unavailable);
  first.resolve();
  await running;
  expect(begun).toBe(false);
  expect(await refused()).toBe(1);
  expect(await inUse()).toBe(0);
  expect(await bulkhead(async () => 7)).toBe(7);
});
