import { setTimeout as pause } from "node:timers/promises";
import { eventually } from "@gatehouse/testing/eventually.ts";
import { expect, it } from "vitest";
import { EventLoopStall } from "./event-loop-stall.ts";

/** Blocks the whole process, as if it were stopped. */
const block = (milliseconds: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

it("the arrival time of data read after a stall is the stall's start, in that turn and shortly after, and then the present again", async () => {
  // On a busy machine this process itself waits for tens of milliseconds; more than two beats would count as another stall.
  const stall = new EventLoopStall(150);
  await pause(200);
  const began = performance.now();
  block(600);
  expect(stall.arrivedAt).toBeLessThanOrEqual(began);
  await pause(60);
  expect(stall.arrivedAt).toBeLessThanOrEqual(began);
  await eventually(() => performance.now() - stall.arrivedAt).toBeLessThan(140);
  stall.close();
});
