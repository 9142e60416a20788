import { describe, expect, it } from "vitest";
import { cursorAfter, cursorAt, isRead } from "./tail-cursor.ts";

const primary = (text: string, own: string | null = null) => ({ text, own, standby: false, server: "one" });

describe("a cursor over the log's tail", () => {
  it("counts transactions as read that had ended at the read, and none that were in progress or began later", () => {
    const cursor = cursorAfter(primary("10:20:10,12"));
    expect(["9", "11", "19"].map((transaction) => isRead(cursor, transaction))).toEqual([true, true, true]);
    expect(["10", "12", "20", "21"].map((transaction) => isRead(cursor, transaction))).toEqual([false, false, false, false]);
    expect(cursor).toMatchObject({ horizon: "10", from: "20" });
  });

  it("does not count the reader's own transaction as read: it may still write, and no snapshot has it in progress", () => {
    expect(isRead(cursorAfter(primary("10:20:", "15")), "15")).toBe(false);
    expect(isRead(cursorAfter(primary("10:20:", "25")), "25")).toBe(false);
  });

  it("compares transactions as numbers, however many digits they have", () => {
    expect(isRead(cursorAt("100"), "99")).toBe(true);
    expect(isRead(cursorAfter(primary("99:100:99")), "9")).toBe(true);
  });

  it("counts only transactions below a standby's horizon as read, because its snapshots do not list those in progress", () => {
    const cursor = cursorAfter({ ...primary("10:20:"), standby: true });
    expect(["9", "10", "15"].map((transaction) => isRead(cursor, transaction))).toEqual([true, false, false]);
    expect(cursor).toMatchObject({ horizon: "10", from: "10" });
  });
});
