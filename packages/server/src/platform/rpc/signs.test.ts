import { expect, it } from "vitest";
import { requestedSilence, signAddress, Waiter } from "./signs.ts";

it("a request for signs is read from its reply subject, and from no other subject", () => {
  expect(requestedSilence(`${signAddress("_INBOX.abc", 3_000)}.1z`)).toBe(3_000);
  for (const other of [undefined, "", "_INBOX.abc.1", "_INBOX.signs-x.1", "_INBOX.signs-3000"])
    expect(requestedSilence(other)).toBeUndefined();
});

it("a requester waits while the serving process signs in time, and never again after one silence", () => {
  let signs = 0;
  const prompt = new Waiter(60_000, performance.now(), () => {
    signs += 1;
  });
  prompt.sign();
  expect([prompt.isWaiting, signs]).toEqual([true, 1]);
  // The process was blocked: it reads the request a second after its arrival.
  const late = new Waiter(500, performance.now() - 1_000, () => {
    signs += 1;
  });
  late.sign();
  expect([late.isWaiting, signs]).toEqual([false, 1]);
});
