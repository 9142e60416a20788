import { expect, it } from "vitest";
import { createMetrics } from "../telemetry/metrics.ts";
import { Unavailable } from "../unavailable.ts";
import { createBulkhead } from "./bulkhead.ts";

const row = { why: "a test", waiting: 2, waitMs: 60_000 };
const full = (more: Partial<typeof row> = {}) => {
  const metrics = createMetrics();
  const places = createBulkhead("thing", { ...row, ...more }, 1, metrics);
  const first = Promise.withResolvers<void>();
  const running = places(() => first.promise);
  const refused = async () => (await metrics.bulkheadRefused.get()).values[0]?.value ?? 0;
  const inUse = async () => (await metrics.bulkheadInUse.get()).values[0]?.value;
  return { places, first, running, refused, inUse };
};

it("runs what waits in its order, one as another ends, whether that succeeds or fails", async () => {
  const { places, first, running, inUse } = full();
  const order: string[] = [];
  const failing = places(async () => {
    order.push("second");
    throw new Error("no");
  });
  const last = places(async () => order.push("third"));
  expect(order).toEqual([]);
  first.resolve();
  await running;
  await expect(failing).rejects.toThrow("no");
  await last;
  expect(order).toEqual(["second", "third"]);
  expect(await inUse()).toBe(0);
});

it("refuses at once where too many wait, and begins nothing of that", async () => {
  const { places, first, running, refused } = full();
  const waiting = [places(async () => {}), places(async () => {})];
  let begun = false;
  const surplus = places(async () => {
    begun = true;
  });
  await expect(surplus).rejects.toThrow(Unavailable);
  first.resolve();
  await Promise.all([running, ...waiting]);
  expect(begun).toBe(false);
  expect(await refused()).toBe(1);
});

it("refuses what has waited too long, and never begins it afterwards", async () => {
  const { places, first, running, refused, inUse } = full({ waitMs: 20 });
  let begun = false;
  const late = places(async () => {
    begun = true;
  });
  await expect(late).rejects.toThrow(Unavailable);
  first.resolve();
  await running;
  expect(begun).toBe(false);
  expect(await refused()).toBe(1);
  expect(await inUse()).toBe(0);
  expect(await places(async () => 7)).toBe(7);
});
