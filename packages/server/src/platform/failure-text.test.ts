import { expect, it } from "vitest";
import { failureText } from "./failure-text.ts";

it("the text of a failure is storable, has no secrets, and has a bounded length", () => {
  expect(failureText(new Error("value a\u0000b \ud800 postgres://me:secret@host"))).toBe(
    "value a\uFFFDb \uFFFD postgres://me:[secret]@host",
  );
  expect(failureText("x".repeat(100_000))).toHaveLength(2_000);
});
