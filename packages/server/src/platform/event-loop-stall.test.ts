import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { expect, it } from "vitest";
import { EventLoopStall } from "./event-loop-stall.ts";

/** Nothing of this process runs meanwhile, as when it is stopped. */
const standStill = (milliseconds: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

it("dates what is read after a stall from before it, in that turn and shortly after, and then from now again", async () => {
  // On a busy machine this process itself waits for tens of milliseconds; more than two beats would count as another stall.
  const stall = new EventLoopStall(150);
  await pause(200);
  const began = performance.now();
  standStill(600);
  expect(stall.arrivedAt).toBeLessThanOrEqual(began);
  await pause(60);
  expect(stall.arrivedAt).toBeLessThanOrEqual(began);
  await eventually(() => performance.now() - stall.arrivedAt).toBeLessThan(140);
  stall.close();
});
