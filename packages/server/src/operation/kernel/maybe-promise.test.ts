import { describe, expect, it } from "vitest";
import { after, attempt } from "./maybe-promise.ts";

const failure = new Error("failed");
const handled = (error: unknown) => `handled ${(error as Error).message}`;

describe("after", () => {
  it("continues synchronously with a value, and asynchronously with a promise", async () => {
    expect(after(1, (value) => value + 1)).toBe(2);
    await expect(after(Promise.resolve(1), (value) => value + 1)).resolves.toBe(2);
  });
});

describe("attempt", () => {
  const double = (value: number) => String(value * 2);

  it("returns synchronously where the work does, whether it returns or throws", () => {
    expect(attempt(() => 2, double, handled)).toBe("4");
    const throws = (): number => {
      throw failure;
    };
    expect(attempt(throws, double, handled)).toBe("handled failed");
  });

  it("returns a promise where the work does, whether it is fulfilled or rejected", async () => {
    await expect(attempt(async () => 2, double, handled)).resolves.toBe("4");
    await expect(attempt(() => Promise.reject<number>(failure), double, handled)).resolves.toBe("handled failed");
  });

  it("does not handle an error of the continuation", async () => {
    const fails = (): string => {
      throw failure;
    };
    expect(() => attempt(() => 2, fails, handled)).toThrow(failure);
    await expect(attempt(async () => 2, fails, handled)).rejects.toThrow(failure);
  });
});
