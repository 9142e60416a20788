import { expect, it } from "vitest";
import { Awaited, signAddress, wishedSilence } from "./signs.ts";

it("the wish for signs is in the address of the answer, and in no other", () => {
  expect(wishedSilence(`${signAddress("_INBOX.abc", 3_000)}.1z`)).toBe(3_000);
  for (const other of [undefined, "", "_INBOX.abc.1", "_INBOX.signs-x.1", "_INBOX.signs-3000"])
    expect(wishedSilence(other)).toBeUndefined();
});

it("a request is awaited while its process says so in time, and never again after it did not", () => {
  let said = 0;
  const prompt = new Awaited(60_000, performance.now(), () => {
    said += 1;
  });
  prompt.sign();
  expect([prompt.still, said]).toEqual([true, 1]);
  // The process stood still: it finds the request a second after it came.
  const late = new Awaited(500, performance.now() - 1_000, () => {
    said += 1;
  });
  late.sign();
  expect([late.still, said]).toEqual([false, 1]);
});
