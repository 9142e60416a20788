import { describe, expect, it } from "vitest";
import { cursorAfter, cursorAt, isShown } from "./tail-cursor.ts";

const primary = (text: string, own: string | null = null) => ({ text, own, standby: false, server: "one" });
const standby = (text: string) => ({ text, own: null, standby: true, server: "one" });

describe("a cursor over the log's tail", () => {
  it("counts as shown what had ended at the look, and nothing that was in progress or came later", () => {
    const cursor = cursorAfter(cursorAt("5"), primary("10:20:10,12"), []);
    expect(["9", "11", "19"].map((transaction) => isShown(cursor, transaction))).toEqual([true, true, true]);
    expect(["10", "12", "20", "21"].map((transaction) => isShown(cursor, transaction))).toEqual([false, false, false, false]);
    expect(cursor).toMatchObject({ horizon: "10", from: "20" });
  });

  it("does not count the reader's own transaction as shown: it may still write, and no snapshot has it in progress", () => {
    expect(isShown(cursorAfter(cursorAt("5"), primary("10:20:", "15"), []), "15")).toBe(false);
    expect(isShown(cursorAfter(cursorAt("5"), primary("10:20:", "25"), []), "25")).toBe(false);
  });

  it("compares transactions as numbers, however many digits they have", () => {
    expect(isShown(cursorAt("100"), "99")).toBe(true);
    expect(isShown(cursorAfter(cursorAt("9"), primary("99:100:99"), []), "9")).toBe(true);
  });

  it("beside a standby, whose snapshots do not say what is in progress, remembers each transaction that was shown, until its horizon passes it", () => {
    const first = cursorAfter(cursorAt("10"), standby("10:20:"), ["11", "15"]);
    expect(["9", "11", "15"].map((transaction) => isShown(first, transaction))).toEqual([true, true, true]);
    expect(["10", "12", "19"].map((transaction) => isShown(first, transaction))).toEqual([false, false, false]);
    const second = cursorAfter(first, standby("12:30:"), ["12"]);
    expect(second.shown).toEqual(["15", "12"]);
  });

  it("remembers so many of them and no more: what it cannot remember is read again, never missed", () => {
    const transactions = Array.from({ length: 30_000 }, (_, index) => String(100 + index));
    const cursor = cursorAfter(cursorAt("10"), standby("10:40000:"), transactions);
    expect(cursor.shown).toHaveLength(20_000);
    expect(isShown(cursor, "100")).toBe(false);
    expect(isShown(cursor, "30099")).toBe(true);
  });

  it("goes from a primary to a standby and back without counting as shown what the standby may lack", () => {
    const primaryCursor = cursorAfter(cursorAt("5"), primary("20:20:"), []);
    const behind = cursorAfter(primaryCursor, standby("15:16:"), []);
    expect(isShown(behind, "17")).toBe(false);
  });
});
